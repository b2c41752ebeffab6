// Options that several commands have, each with what help says of it.
import { ENGINE_NAMES } from '../runtime/engines/engine-names.ts';

export interface StringOption {
  readonly type: 'string';
  readonly value: string;
  readonly help: string;
}

export interface RepeatedOption extends StringOption {
  readonly multiple: true;
  readonly default: string[];
}

export interface FlagOption {
  readonly type: 'boolean';
  readonly help: string;
}

export const PROGRAM: StringOption = { type: 'string', value: 'NAME', help: 'the program that is meant, where the file has several' };
export const ENGINE: StringOption = { type: 'string', value: 'E', help: `${ENGINE_NAMES.join(', ')}; bpfjit doctor says which run here` };
export const FUEL: StringOption = {
  ...{ type: 'string', value: 'N' },
  help: 'instructions until a run is stopped, counted at loops and calls; 0: no limit',
};
export const BTF: StringOption = {
  ...{ type: 'string', value: 'FILE' },
  help: "types of the kernel that CO-RE relocations are for; default: the object's own",
};
export const JSON_OUTPUT: FlagOption = { type: 'boolean', help: 'print one JSON object' };

export const PACKET: StringOption = {
  ...{ type: 'string', value: 'HEX|@FILE' },
  help: 'one packet: hex bytes, or a file of hex text or of the bytes themselves',
};
export const PCAP: StringOption = {
  ...{ type: 'string', value: 'IN' },
  help: 'every packet of a capture (pcap or pcapng; - is standard input)',
};

/** What an object is loaded with. */
export const LOADING: {
  readonly set: RepeatedOption;
  readonly 'map-size': RepeatedOption;
  readonly event: RepeatedOption;
  readonly kconfig: StringOption;
  readonly ksym: RepeatedOption;
  readonly type: StringOption;
  readonly cpus: StringOption;
} = {
  set: {
    ...{ type: 'string', multiple: true, default: [], value: 'NAME=VALUE' },
    help: 'a global variable, `const volatile` ones too: a number, a name or JSON; may be repeated',
  },
  'map-size': {
    ...{ type: 'string', multiple: true, default: [], value: 'MAP=N' },
    help: 'another number of elements for a map; may be repeated',
  },
  event: {
    ...{ type: 'string', multiple: true, default: [], value: 'MAP=STRUCT' },
    help: 'the type of what a ring buffer or perf event array carries; may be repeated',
  },
  kconfig: { type: 'string', value: 'FILE', help: "the kernel's .config, for what the object declares as __kconfig" },
  ksym: {
    ...{ type: 'string', multiple: true, default: [], value: 'NAME=ADDR|@FILE' },
    help: 'a __ksym symbol: its address, or the bytes of the variable; may be repeated',
  },
  type: { type: 'string', value: 'TYPE', help: 'type of programs whose section says none (xdp, sched_cls, ...); default: raw' },
  cpus: { type: 'string', value: 'N', help: 'how many CPUs per-CPU maps have values for, default 1' },
};

/** What a run is given besides packets. */
export const INPUTS: { readonly ctx: RepeatedOption; readonly 'ctx-raw': StringOption; readonly 'maps-in': StringOption } = {
  ctx: {
    ...{ type: 'string', multiple: true, default: [], value: 'FIELD=VALUE' },
    help: 'a field of the context (ingress_ifindex=3); may be repeated',
  },
  'ctx-raw': { type: 'string', value: '@FILE', help: 'the bytes of the context, for program types whose fields are not known' },
  'maps-in': { type: 'string', value: 'FILE', help: 'contents of maps before the run: JSON as --maps --json prints it' },
};
