// Rows of the kernel oracle whose answers are known to differ, and why nothing can be done about them here. A row that is listed and gives
// the kernel's answers is as wrong as one that is not listed and does not.

export interface Known {
  /** `group/object program`, with `(scenario)` after it where only one of them is meant. */
  readonly row: string;
  readonly why: string;
}

export const KNOWN: readonly Known[] = [
  {
    row: 'cilium-core/bpf_lxc.o tail_srv6_encap',
    why: "the flow label is the kernel's hash of the packet, keyed at random at boot",
  },
  {
    row: 'ebpf-samples/build~packet_access.o test_packet_access',
    why: 'returns memory that nobody has written',
  },
  {
    row: 'selftests/cgroup_ancestor.o log_cgroup_id',
    why: "reads the kernel's own struct sock behind the context",
  },
  {
    row: 'selftests/cgroup_storage.o bpf_prog',
    why: 'the kernel makes new storage for each test run; here it lives as long as the object, as that of a cgroup does',
  },
  {
    row: 'selftests/exceptions.o exception_tail_call (prefilled-maps)',
    why: 'an exception in a program that a subprogram has tail-called ends the whole run here, in the kernel only the tail call',
  },
  {
    row: 'selftests/test_global_func16.o global_func16',
    why: 'returns what lay on its stack before it ran: zeros here',
  },
];

export function knownRow(object: string, program: string, scenario: string): Known | undefined {
  const name = `${object} ${program}`;
  return KNOWN.find(({ row }) => row === name || row === `${name} (${scenario})`);
}
