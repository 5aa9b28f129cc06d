import { once } from 'node:events';
import { createServer } from 'node:net';
import { CliError, messageOf } from '../errors.js';

/**
 * Checks that we can listen on a TCP port of 127.0.0.1.
 *
 * @param option the command line option for another port
 * @throws CliError when another process listens there, or we may not
 */
export async function checkPortFree(port: number, option: string): Promise<void> {
  const listener = createServer();
  try {
    listener.listen(port, '127.0.0.1');
    await once(listener, 'listening');
  } catch (error) {
    const got = (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'a port in use' : messageOf(error);
    throw new CliError(
      `Expected port ${port} to be free for the Temporal dev server, got ${got}: choose another one with ${option}, or ` +
        'set TEMPORAL_ADDRESS to use a server that is already running',
    );
  }
  listener.close();
  await once(listener, 'close');
}
