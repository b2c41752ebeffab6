// What a program finds when it starts: packet and context in the window, pointers to them in R1 and R2.
import type { Program } from '../../program/program.ts';
import { contextOf, seesLinkLayer } from '../../spec/contexts.ts';
import { BpfError } from '../../util/error.ts';
import { PLACE } from '../../window/window.ts';
import { socketOf } from '../helpers/context-targets.ts';
import { type ContextValues, ETHERNET_BYTES, linkLayerFields } from '../helpers/packet.ts';
import type { Home } from './home.ts';
import type { RunOptions } from './options.ts';

/** Interface index of the loopback device, which BPF_PROG_TEST_RUN runs on too. */
const LOOPBACK = 1;
/** Zeros that a program gets as its context where its type has none that we know. */
const RAW_CONTEXT_BYTES = 4096;

/** Packet and context in place; R1 and R2. */
export function placeInput(home: Home, program: Program, { packet: given, ctx }: RunOptions): { r1: number; r2: number } {
  const { packet } = home;
  const spec = contextOf(program.type);
  const raw = ctx instanceof Uint8Array ? ctx : undefined;
  let bytes = given ?? new Uint8Array(0);
  if (program.type === 'raw') {
    if (ctx !== undefined && raw === undefined) {
      throw new BpfError(
        'runtime/context',
        { in: 'option', name: 'ctx' },
        `${program.name} is a raw program: its context is bytes, not fields`,
      );
    }
    packet.noContext();
    packet.place(raw ?? bytes);
    return { r1: packet.data, r2: packet.length };
  }
  if (spec === undefined || raw !== undefined) {
    if (ctx !== undefined && raw === undefined) {
      throw new BpfError('runtime/context', { in: 'option', name: 'ctx' }, `the context of a ${program.type} program is given as bytes`);
    }
    packet.place(bytes);
    packet.placeRawContext(raw ?? new Uint8Array(RAW_CONTEXT_BYTES));
    return { r1: PLACE.context, r2: 0 };
  }
  const values = { ...(ctx as ContextValues | undefined) };
  let frame: Uint8Array | undefined;
  if (spec.name === '__sk_buff') {
    const { protocol, packetType } = linkLayerFields(bytes);
    values['protocol'] ??= protocol;
    values['pkt_type'] ??= packetType;
    values['ifindex'] ??= LOOPBACK;
    frame = bytes;
    if (!seesLinkLayer(program.type)) bytes = bytes.subarray(ETHERNET_BYTES);
    values['wire_len'] ??= bytes.length;
  }
  if (spec.name === 'xdp_md') values['ingress_ifindex'] ??= LOOPBACK;
  packet.place(bytes);
  packet.placeContext(spec, values);
  if (program.type === 'flow_dissector') home.targets.placeFlowKeys(bytes);
  else if (frame !== undefined && values['sk'] === undefined) home.targets.placeSocket(socketOf(frame));
  return { r1: PLACE.context, r2: 0 };
}
