import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below what systems hand out by themselves, so nobody takes one by chance between our look and the server's. */
const [FIRST, END] = [20_000, 32_000];
const ATTEMPTS = 100;

/**
 * Finds a port that a Temporal server can use to find the others: on Postgres it keeps the port in a `smallint`, so one above
 * 32767 ends it.
 *
 * @throws when it finds none
 */
export async function lowPort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = randomInt(FIRST, END);
    if (await isFree(port)) return port;
  }
  throw new Error(`Expected a free port from ${FIRST} to ${END - 1}, found none in ${ATTEMPTS} attempts.`);
}

async function isFree(port: number): Promise<boolean> {
  const listener = createServer().listen(port, '127.0.0.1');
  try {
    await once(listener, 'listening');
  } catch {
    return false;
  }
  listener.close();
  await once(listener, 'close');
  return true;
}
