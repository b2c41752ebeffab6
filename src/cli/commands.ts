// The commands: one row each. A command's module is loaded only when it runs.

/** Gives the exit status. */
export type Command = (argv: readonly string[]) => Promise<number>;

interface Row {
  readonly usage: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export type CommandName = 'asm' | 'conformance' | 'disasm';

export const COMMANDS: Readonly<Record<CommandName, Row>> = {
  asm: {
    usage: 'asm FILE.bpfasm -o OUT',
    summary: 'Assemble text to raw bytecode.',
    load: async () => (await import('./asm.ts')).asm,
  },
  conformance: {
    usage: 'conformance PATH... [--engine E] [--json]',
    summary: 'Run .data files of bpf_conformance, or folders of them.',
    load: async () => (await import('./conformance.ts')).conformance,
  },
  disasm: {
    usage: 'disasm FILE [--program NAME] [--json]',
    summary: 'Print the instructions of an object, of raw bytecode or of assembly text.',
    load: async () => (await import('./disasm.ts')).disasm,
  },
};
