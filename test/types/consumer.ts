// What a strict project of somebody else does with the package's types; tools/package-test.mjs compiles it against the packed package.
import { BpfError, be16, ethernet, ipv4, type LoadedObject, type LoadOptions, load, packet, type RunResult, udp } from 'bpfjit';
import { type LoadedObject as CoreObject, loadBytes } from 'bpfjit/core';
import type { XdpCounter } from './xdp_counter.ts';

const options: LoadOptions<XdpCounter> = { variables: { port: 53 }, mapSizes: { stats: 4 }, cpus: 2, clock: 0n };

export async function typed(): Promise<bigint | undefined> {
  using object = await load<XdpCounter>('xdp_counter.o', options);
  const bytes = packet(ethernet(), ipv4({ dst: '10.0.0.1' }), udp({ dport: 53 }));
  const { verdict, ctx } = object.programs.xdp_counter.run({ packet: bytes, ctx: { ingress_ifindex: 3 } });
  const dropped: boolean = verdict === 'XDP_DROP' && ctx.ingress_ifindex === 3;
  object.maps.stats.set(17, { packets: dropped ? 1 : 0n });
  object.variables.dropped = 0;
  const listing: string = object.programs.xdp_counter.image('arm64').listing();
  if (listing === '') throw new BpfError('runtime/none', { in: 'host' }, 'nothing');
  return object.maps.stats.get(be16(17))?.packets;
}

export async function untyped(): Promise<RunResult[]> {
  const object: LoadedObject = await load('xdp_counter.o');
  const results = Object.values(object.programs).map((program) => program.run({ ctx: { anything: 5 } }));
  for (const map of Object.values(object.maps)) for (const [key, value] of map) console.log(map.name, key, value);
  object.dispose();
  return results;
}

export function core(bytes: Uint8Array): CoreObject {
  return loadBytes(bytes);
}
