// Memory of objects that programs allocate and free: kept apart from other memory of the window, so that a saved state finds the
// places of its objects free when it is brought back.
import type { Region, Regions } from '../../window/regions.ts';
import type { Window } from '../../window/window.ts';

/** What the maps of allocated objects have in common; those without a region are nobody's to free. */
export interface Block {
  readonly bytes: number;
  readonly region: Region | undefined;
}

/** The objects of one kind as they are: each by its place, with its content. */
export type SavedBlocks<B extends Block> = readonly { readonly at: number; readonly block: B; readonly content: Uint8Array<ArrayBuffer> }[];

const round = (bytes: number): number => Math.ceil(bytes / 16) * 16;

export class BlockPool {
  readonly #window: Window;
  readonly #regions: Regions;
  /** All that were ever made: rounded size by place. */
  readonly #made = new Map<number, number>();
  /** Free places by size. */
  readonly #free = new Map<number, number[]>();

  constructor(window: Window, regions: Regions) {
    this.#window = window;
    this.#regions = regions;
  }

  /** Zeroed memory that the program may use. `name`: for messages. */
  take(bytes: number, name: string): { readonly at: number; readonly region: Region } {
    const size = round(bytes);
    const reused = this.#free.get(size)?.pop();
    if (reused !== undefined) this.#window.zero(reused, size);
    const at = reused ?? this.#window.allocate(size);
    this.#made.set(at, size);
    return { at, region: this.#regions.add({ name, start: at, end: at + bytes }) };
  }

  give(at: number, region: Region): void {
    this.#regions.remove(region);
    this.#isFree(at);
  }

  #isFree(at: number): void {
    const size = this.#made.get(at)!;
    const places = this.#free.get(size);
    if (places === undefined) this.#free.set(size, [at]);
    else places.push(at);
  }

  save<B extends Block>(all: ReadonlyMap<number, B>): SavedBlocks<B> {
    return [...all]
      .filter(([, { region }]) => region !== undefined)
      .map(([at, block]) => ({ at, block: { ...block }, content: this.#window.read(at, block.bytes) }));
  }

  /** Puts the saved objects in the place of those that are there, of all kinds at once. */
  restore(kinds: readonly (readonly [all: Map<number, Block>, saved: SavedBlocks<Block>])[]): void {
    for (const [all] of kinds) {
      for (const [at, { region }] of [...all]) {
        if (region === undefined) continue;
        this.#regions.remove(region);
        all.delete(at);
      }
    }
    const used = new Set<number>();
    for (const [all, saved] of kinds) {
      for (const { at, block, content } of saved) {
        used.add(at);
        this.#window.write(at, content);
        const region = this.#regions.add({ name: block.region!.name, start: at, end: at + block.bytes });
        all.set(at, { ...block, region });
      }
    }
    this.#free.clear();
    for (const at of this.#made.keys()) if (!used.has(at)) this.#isFree(at);
  }
}
