// Reading arguments: util.parseArgs with our own error, and the value forms that several commands share.
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { tryParseHex } from '../util/bytes.ts';

/** A wrong command line: exit status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What an option takes (`value`: in capitals, as help shows it), and what help says of it. */
export type OptionTable = Readonly<
  Record<string, NonNullable<ParseArgsConfig['options']>[string] & { readonly value?: string; readonly help: string }>
>;
export type Values<T extends OptionTable> = ReturnType<typeof parseArgs<{ options: T; allowPositionals: true }>>['values'];

/** Options and positionals; `files`: how many positionals there must be. */
export function readArguments<T extends OptionTable>(
  argv: readonly string[],
  options: T,
  files: { min: number; max: number },
): { values: Values<T>; files: string[] } {
  let parsed: { values: Values<T>; positionals: string[] };
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true }) as typeof parsed;
  } catch (error) {
    throw new UsageError((error as Error).message.split(/\.(?:\s|$)/)[0]!);
  }
  const count = parsed.positionals.length;
  if (count < files.min)
    throw new UsageError(
      `expected ${files.min === files.max ? files.min : `at least ${files.min}`} file name${files.min === 1 ? '' : 's'}, got ${count}`,
    );
  if (count > files.max) throw new UsageError(`unexpected argument "${parsed.positionals[files.max]}"`);
  return { values: parsed.values, files: parsed.positionals };
}

/** A whole number, decimal or 0x, up to 64 bits. */
export function integer(option: string, text: string): bigint {
  if (!/^-?(0[xX][0-9a-fA-F]+|\d+)$/.test(text)) throw new UsageError(`--${option} takes a number, got "${text}"`);
  const negative = text.startsWith('-');
  const value = BigInt(negative ? text.slice(1) : text);
  if (value >= 1n << 64n) throw new UsageError(`--${option} takes at most 64 bits, got "${text}"`);
  return negative ? -value : value;
}

/** A count between `min` and 2^53. */
export function count(option: string, text: string, min = 0): number {
  const value = integer(option, text);
  if (value < BigInt(min) || value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new UsageError(`--${option} takes a number of at least ${min}, got "${text}"`);
  return Number(value);
}

export function hexBytes(option: string, text: string): Uint8Array {
  const bytes = tryParseHex(text);
  if (bytes === undefined) throw new UsageError(`--${option} takes hex bytes or @FILE, got "${text.slice(0, 40)}"`);
  return bytes;
}

/** `NAME=VALUE`. */
export function assignment(option: string, text: string): [string, string] {
  const at = text.indexOf('=');
  if (at <= 0) throw new UsageError(`--${option} takes NAME=VALUE, got "${text}"`);
  return [text.slice(0, at), text.slice(at + 1)];
}
