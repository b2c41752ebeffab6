// The commands: one row each. A command's module is loaded only when it runs.

/** Gives the exit status. */
export type Command = (argv: readonly string[]) => Promise<number>;

interface Row {
  readonly usage: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export type CommandName =
  | 'run'
  | 'compare'
  | 'coverage'
  | 'dump'
  | 'asm'
  | 'disasm'
  | 'filter'
  | 'info'
  | 'types'
  | 'conformance'
  | 'doctor';

export const COMMANDS: Readonly<Record<CommandName, Row>> = {
  run: {
    usage:
      'run FILE [--program NAME] [--engine E] [--packet HEX|@FILE | --pcap IN [--out OUT]] [--ctx FIELD=VALUE]... [--ctx-raw @FILE] [--maps-in FILE] [--maps] [--repeat N] [--clock NS|capture] [--fuel N] [--listing] [--expect VERDICT] [--btf FILE] [--trace] [--trace-out FILE] [--trace-limit N] [--coverage FILE] [--json]',
    summary: 'Run a program over nothing, one packet or a capture; show verdict, packet and maps.',
    load: async () => (await import('./run.ts')).run,
  },
  compare: {
    usage:
      'compare A [B] --pcap IN | --packet HEX|@FILE [--program NAME[,NAME]] [--engine E[,E]] [--ctx FIELD=VALUE]... [--ctx-raw @FILE] [--maps-in FILE] [--limit N] [--fuel N] [--btf FILE] [--json]',
    summary: 'Run two objects, or one on two engines, over the same packets: where verdict, packet, redirect, events or maps differ.',
    load: async () => (await import('./compare.ts')).compare,
  },
  coverage: {
    usage: 'coverage FILE... [-o OUT] [--min PERCENT] [--json]',
    summary: 'Add up lcov files (or the .info files of folders): a table by source file, and the sum in OUT.',
    load: async () => (await import('./coverage.ts')).coverage,
  },
  dump: {
    usage: 'dump FILE [--program NAME] [--target arm64|x64] [--base ADDR] [--helper NAME=ADDR]... [--passes] [--fuel N] [--json]',
    summary: 'Compile a program and show what each instruction became, and how the passes went.',
    load: async () => (await import('./dump.ts')).dump,
  },
  asm: {
    usage: 'asm FILE.bpfasm -o OUT',
    summary: 'Assemble text to raw bytecode.',
    load: async () => (await import('./asm.ts')).asm,
  },
  disasm: {
    usage: 'disasm FILE [--program NAME] [--json]',
    summary: 'Print the instructions of an object, of raw bytecode or of assembly text.',
    load: async () => (await import('./disasm.ts')).disasm,
  },
  filter: {
    usage: 'filter @FILE --pcap IN [--engine E] [--backward] [--fuel N] [--json]',
    summary: 'Run a classic filter (FILE: output of tcpdump -ddd) over a capture and print the indexes of the packets that match.',
    load: async () => (await import('./filter.ts')).filter,
  },
  info: {
    usage: 'info FILE [--json]',
    summary: 'Show programs, maps, global data and externs, and the helpers and maps that each program uses.',
    load: async () => (await import('./info.ts')).info,
  },
  types: {
    usage: 'types FILE [-o OUT] [--name NAME] [--type STRUCT]...',
    summary: 'Write TypeScript declarations of its maps, variables and programs, and of other structs, for load<NAME>(FILE).',
    load: async () => (await import('./types.ts')).types,
  },
  conformance: {
    usage: 'conformance PATH... [--engine E] [--json]',
    summary: 'Run .data files of bpf_conformance, or folders of them.',
    load: async () => (await import('./conformance.ts')).conformance,
  },
  doctor: {
    usage: 'doctor [--json]',
    summary: 'Say which engines this host can run, and why not the rest.',
    load: async () => (await import('./doctor.ts')).doctor,
  },
};
