// bpfjit filter: a classic filter, as tcpdump -ddd prints it, over the packets of a capture.
import { parseClassic } from '../classic/decode.ts';
import { openCapture } from '../files/captures.ts';
import { engineByName } from '../runtime/engines/engines.ts';
import { classicProgram, Skb } from '../runtime/object/classic.ts';
import { RawMachine } from '../runtime/object/raw.ts';
import { BpfStopped } from '../util/stopped.ts';
import { openEngines } from './engines.ts';
import { readInput, text } from './files.ts';
import { ENGINE, FUEL, JSON_OUTPUT, PCAP } from './options.ts';
import { Progress } from './progress.ts';
import { count, type OptionTable, readArguments, UsageError } from './usage.ts';

/** Slots per packet: filters without backward jumps never come near it. */
const DEFAULT_FUEL = '1000000';

const OPTIONS = {
  pcap: PCAP,
  engine: { ...ENGINE, help: `${ENGINE.help}. Default: auto` },
  backward: { type: 'boolean', help: 'take jumps backwards too, which the kernel refuses' },
  fuel: { ...FUEL, default: DEFAULT_FUEL, help: `${FUEL.help}. Default ${DEFAULT_FUEL}` },
  json: JSON_OUTPUT,
} as const;
export const options: OptionTable = OPTIONS;

export async function filter(argv: readonly string[]): Promise<number> {
  const { values, files } = readArguments(argv, OPTIONS, { min: 1, max: 1 });
  if (values.pcap === undefined) throw new UsageError('--pcap IN is missing');
  const path = files[0]!.replace(/^@/, '');
  const instructions = parseClassic(text(readInput(path)), path);
  const program = classicProgram(instructions, { name: path, backward: values.backward === true, zeroedScratch: true });
  const { name, host } = await openEngines(values.engine ?? 'auto');
  const skb = new Skb();
  const machine = new RawMachine(engineByName(name, host), { helpers: skb.helpers, host });
  skb.attach(machine);
  const loaded = machine.load(program);
  const fuel = count('fuel', values.fuel) || Number.POSITIVE_INFINITY;
  const progress = new Progress('packets');
  const matches: number[] = [];
  let packets = 0;
  let stops = 0;
  let firstStop: BpfStopped | undefined;
  for (const { data, wireLength } of openCapture(values.pcap)) {
    try {
      if ((loaded.run({ ...skb.place(data, { length: wireLength }), fuel }) & 0xffff_ffffn) !== 0n) matches.push(packets);
    } catch (error) {
      if (!(error instanceof BpfStopped)) throw error;
      stops++;
      firstStop ??= error;
    }
    packets++;
    progress.step();
  }
  progress.end();
  machine.unload();
  if (values.json === true) process.stdout.write(`${JSON.stringify({ packets, matched: matches.length, matches })}\n`);
  else {
    process.stdout.write(matches.map((index) => `${index}\n`).join(''));
    process.stdout.write(`${matches.length} of ${packets} packets match (${machine.engine})\n`);
  }
  if (firstStop === undefined) return 0;
  process.stderr.write(`error: ${stops} of ${packets} packets stopped the filter, first: ${firstStop.headline} [cli/stopped]\n`);
  return 1;
}
