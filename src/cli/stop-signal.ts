/** Milliseconds that the rest has to end after a stop. */
const LEFT_MS = 2_000;

/** Ends the process soon, even if something that was given up would keep it alive. */
export function exitSoon(): void {
  setTimeout(() => process.exit(), LEFT_MS).unref();
}

/** Aborts at the first SIGTERM or SIGINT. A second one ends the process immediately. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort());
  return stop.signal;
}
