/** Milliseconds that what is left after a stop gets to end by itself. */
const LEFT_MS = 2_000;

/** Ends the process soon, also where something that was given up would keep it. */
export function exitSoon(): void {
  setTimeout(() => process.exit(), LEFT_MS).unref();
}

/** Aborts at the first SIGTERM or SIGINT. A second one ends the process at once. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort());
  return stop.signal;
}
