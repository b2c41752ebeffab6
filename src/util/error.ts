// The three kinds of failure: bad input is a `BpfError`, a stopped program a `BpfStopped` (interpreter, runtime), our own
// mistake an `AssertionFailure`.

/** Where in the input something is wrong. Offsets and columns are what a person would look up: bytes, 1-based lines. */
export type Position =
  | { readonly in: 'file'; readonly path: string; readonly offset?: number; readonly section?: string }
  | { readonly in: 'text'; readonly path: string; readonly line: number; readonly column: number }
  | { readonly in: 'program'; readonly program: string; readonly slot?: number; readonly source?: SourcePosition }
  | { readonly in: 'packet'; readonly index: number }
  /** A field of a header that is being built; `index`: among the layers of the packet. */
  | { readonly in: 'header'; readonly layer: string; readonly index: number; readonly field: string }
  | { readonly in: 'option'; readonly name: string }
  | { readonly in: 'host' };

/** A line of C that an instruction came from. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The line's text where the object carries it. */
  readonly text?: string;
}

/** `area/kebab-case`. The areas are the layers of src. */
export type ErrorCode =
  `${'asm' | 'btf' | 'classic' | 'cli' | 'elf' | 'host' | 'interpreter' | 'isa' | 'jit' | 'lcov' | 'map' | 'object' | 'packet' | 'pcap' | 'program' | 'runtime' | 'window'}/${string}`;

/** Bad input: refused with a code, a position and what was expected. */
export class BpfError extends Error {
  override readonly name: string = 'BpfError';
  readonly code: ErrorCode;
  readonly position: Position;
  constructor(code: ErrorCode, position: Position, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.position = position;
  }
}

/** `FILE:LINE:COL`; the column is left out where it is not known (0). */
export function printSource({ file, line, column }: SourcePosition): string {
  // The name is the object's: control characters would be the terminal's.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const name = file.replace(/[\x00-\x1f\x7f-\x9f]/g, '?');
  return `${name}:${line}${column === 0 ? '' : `:${column}`}`;
}

/** `FILE:LINE:COL`, `FILE+0xOFFSET`, `program NAME, slot N`, or that after its line of C: `FILE:LINE:COL: program NAME, slot N`. */
export function printPosition(position: Position): string {
  switch (position.in) {
    case 'file': {
      const where = position.offset === undefined ? '' : `+0x${position.offset.toString(16)}`;
      return `${position.path}${where}${position.section === undefined ? '' : ` (${position.section})`}`;
    }
    case 'text':
      return `${position.path}:${position.line}:${position.column}`;
    case 'program': {
      const slot = position.slot === undefined ? '' : `, slot ${position.slot}`;
      const source = position.source === undefined ? '' : `${printSource(position.source)}: `;
      return `${source}program ${position.program}${slot}`;
    }
    case 'packet':
      return `packet ${position.index}`;
    case 'header':
      return `${position.layer}.${position.field} (layer ${position.index})`;
    case 'option':
      return `option ${position.name}`;
    case 'host':
      return 'host';
    default:
      return unreachable(position);
  }
}

/** A mistake of ours: never caused by input. */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}

/** Stays on in release: silence here would mean wrong code. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

export function unreachable(value: never): never {
  throw new AssertionFailure(`unexpected case ${JSON.stringify(value)}`);
}
