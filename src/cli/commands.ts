// The commands: one row each. A command's module is loaded only when it runs, or its options are asked for.
import type { OptionTable } from './usage.ts';

/** Gives the exit status. */
export type Command = (argv: readonly string[]) => Promise<number>;

export interface CommandModule {
  readonly run: Command;
  readonly options: OptionTable;
}

export interface CommandRow {
  /** What stands behind the name, options that are not needed left out. */
  readonly takes: string;
  /** In one line. */
  readonly summary: string;
  /** What help says besides. */
  readonly more?: string;
  /** Complete command lines, which work in a checkout. */
  readonly examples?: readonly string[];
  readonly load: () => Promise<CommandModule>;
}

export type CommandName =
  | 'run'
  | 'compare'
  | 'coverage'
  | 'dump'
  | 'info'
  | 'types'
  | 'disasm'
  | 'asm'
  | 'filter'
  | 'conformance'
  | 'doctor';

const EXAMPLE = 'examples/xdp_counter.o';
const PACKET = '--packet @examples/udp-echo.hex';

export const COMMANDS: Readonly<Record<CommandName, CommandRow>> = {
  run: {
    takes: 'FILE [--packet HEX|@FILE | --pcap IN [--out OUT]]',
    summary: 'run a program over nothing, a packet or a capture; show verdict, packet and maps',
    more: 'Exit status 1: the program was stopped, or did not do what --expect says.',
    examples: [
      `run ${EXAMPLE} ${PACKET} --maps`,
      `run ${EXAMPLE} ${PACKET} --engine arm64-sim --listing`,
      `run ${EXAMPLE} ${PACKET} --trace`,
      `run ${EXAMPLE} --ctx ingress_ifindex=3 --expect XDP_PASS`,
    ],
    load: async () => {
      const { options, run } = await import('./run.ts');
      return { options, run };
    },
  },
  compare: {
    takes: 'A [B] --pcap IN | --packet HEX|@FILE',
    summary: 'two objects, programs or engines over the same packets: where verdict, packet or maps differ',
    more: 'One file is compared with itself, on two engines or as two programs. The clock stands still. Exit status 1: they differ.',
    examples: [`compare ${EXAMPLE} --engine interpreter,arm64-sim ${PACKET}`],
    load: async () => {
      const { options, compare: run } = await import('./compare.ts');
      return { options, run };
    },
  },
  coverage: {
    takes: 'FILE... [-o OUT]',
    summary: 'add up coverage files (of run --coverage, or of BPFJIT_COVERAGE=FOLDER), or folders of them: a table',
    more: 'With BPFJIT_COVERAGE=FOLDER in its environment, each process that loads objects leaves a .info file in that folder.',
    load: async () => {
      const { options, coverage: run } = await import('./coverage.ts');
      return { options, run };
    },
  },
  dump: {
    takes: 'FILE',
    summary: 'the machine code of each instruction, and how the passes of the compiler went',
    examples: [`dump ${EXAMPLE} --target x64`, 'dump examples/call.bpfasm --passes --base 0xffff800080000000'],
    load: async () => {
      const { options, dump: run } = await import('./dump.ts');
      return { options, run };
    },
  },
  info: {
    takes: 'FILE',
    summary: 'programs, maps, global data and externs; the helpers and maps that each program uses',
    examples: [`info ${EXAMPLE}`],
    load: async () => {
      const { options, info: run } = await import('./info.ts');
      return { options, run };
    },
  },
  types: {
    takes: 'FILE [-o OUT]',
    summary: 'TypeScript declarations of its maps, variables and programs, for load<NAME>(FILE)',
    examples: [`types ${EXAMPLE}`],
    load: async () => {
      const { options, types: run } = await import('./types.ts');
      return { options, run };
    },
  },
  disasm: {
    takes: 'FILE',
    summary: 'the instructions of an object, of bytecode or of assembly text',
    examples: [`disasm ${EXAMPLE}`],
    load: async () => {
      const { options, disasm: run } = await import('./disasm.ts');
      return { options, run };
    },
  },
  asm: {
    takes: 'FILE.bpfasm -o OUT',
    summary: 'assembly text to bytecode',
    load: async () => {
      const { options, asm: run } = await import('./asm.ts');
      return { options, run };
    },
  },
  filter: {
    takes: '@FILE --pcap IN',
    summary: 'a classic filter (FILE: output of tcpdump -ddd) over a capture: the indexes of the packets that match',
    load: async () => {
      const { options, filter: run } = await import('./filter.ts');
      return { options, run };
    },
  },
  conformance: {
    takes: 'PATH...',
    summary: '.data files of bpf_conformance, or folders of them, on an engine',
    load: async () => {
      const { options, conformance: run } = await import('./conformance.ts');
      return { options, run };
    },
  },
  doctor: {
    takes: '',
    summary: 'which engines this host can run, and why not the rest',
    examples: ['doctor'],
    load: async () => {
      const { options, doctor: run } = await import('./doctor.ts');
      return { options, run };
    },
  },
};

export function findCommand(name: string): CommandRow | undefined {
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name as CommandName] : undefined;
}
