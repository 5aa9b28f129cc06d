import { sleep } from '@temporalio/workflow';

/** One step takes 6 s: more than the SDK allows by default. */
export async function slow() {
  await sleep(1);
  // In a microtask, as everything after an await.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 6_000);
  return 'done';
}
