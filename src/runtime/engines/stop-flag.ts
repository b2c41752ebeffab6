// Stopping a run from outside. A run is synchronous: nothing else happens in its thread until it ends, so whoever stops it is in another
// thread, and what they share is a number in shared memory. The main thread keeps the AbortSignal, a Worker the flag.

/** Element 0 becomes 1 when the signal aborts. Post it to a Worker and give it to runs there as `stopFlag`. */
export function stopFlagOf(signal: AbortSignal): Int32Array<SharedArrayBuffer> {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const stop = (): void => {
    Atomics.store(flag, 0, 1);
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  return flag;
}
