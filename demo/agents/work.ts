import { setTimeout } from 'node:timers/promises';

/** Works for some seconds with a free event loop. */
export async function work(seconds: number): Promise<void> {
  await setTimeout(seconds * 1000);
}

/** Works for some seconds without ever returning to the event loop: no timer fires, no signal handler runs. */
export function blockEventLoop(seconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
}
