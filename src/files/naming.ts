// Which file a failure of the system is about.

/** Errors of `act` that come from the system name the file: reading a directory fails at the read, which knows only a number. */
export function naming<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof Error && 'syscall' in error && !('path' in error)) throw Object.assign(error, { path });
    throw error;
  }
}
