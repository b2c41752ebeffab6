// bpfjit doctor: which engines this host can run, why not the rest, and what `auto` would take.
import { nativeHost } from '../node.ts';
import { JSON_OUTPUT } from './options.ts';
import { type OptionTable, readArguments } from './usage.ts';
import { version } from './version.ts';

const OPTIONS = { json: JSON_OUTPUT } as const;
export const options: OptionTable = OPTIONS;

interface EngineState {
  readonly name: string;
  readonly available: boolean;
  readonly why: string;
}

/** CPU features that the compiler makes use of. */
const USED_FEATURES: ReadonlySet<string> = new Set(['bmi1', 'bmi2', 'movbe', 'lse']);

export async function doctor(argv: readonly string[]): Promise<number> {
  const { values } = readArguments(argv, OPTIONS, { min: 0, max: 0 });
  const native = await nativeHost();
  const features = [...(native.host?.cpu ?? [])].filter((feature) => USED_FEATURES.has(feature));
  const machine = (name: 'arm64' | 'x64'): EngineState => {
    if (native.host?.target === name)
      return { name, available: true, why: `native${features.length === 0 ? '' : `, with ${features.join(', ')}`}` };
    const wrongMachine = process.arch === name ? undefined : `this machine is ${process.arch}`;
    return { name, available: false, why: wrongMachine ?? (native.host === undefined ? native.reason : 'no native host') };
  };
  const engines: readonly EngineState[] = [
    { name: 'interpreter', available: true, why: 'reference semantics, every access checked' },
    { name: 'arm64-sim', available: true, why: 'arm64 images in the simulator' },
    machine('arm64'),
    machine('x64'),
  ];
  const auto = engines.find(({ name, available }) => available && (name === 'arm64' || name === 'x64'))?.name ?? 'interpreter';
  const host = { node: process.version, platform: process.platform, arch: process.arch };
  if (values.json === true) {
    process.stdout.write(`${JSON.stringify({ version: version(), ...host, engines, auto })}\n`);
    return 0;
  }
  process.stdout.write(`bpfjit ${version()}, Node ${host.node.slice(1)}, ${host.platform} ${host.arch}\n`);
  for (const { name, available, why } of engines) process.stdout.write(`  ${available ? 'yes' : 'no '}  ${name.padEnd(11)}  ${why}\n`);
  process.stdout.write(`  auto is ${auto}\n`);
  return 0;
}
