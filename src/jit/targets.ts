// The machines that programs can be compiled for.
import { arm64 } from './arm64/target.ts';
import type { Target } from './target.ts';
import { x64 } from './x64/target.ts';

const TARGETS: readonly Target[] = [arm64, x64];

export const TARGET_NAMES: readonly string[] = TARGETS.map(({ name }) => name);

export function findTarget(name: string): Target | undefined {
  return TARGETS.find((target) => target.name === name);
}
