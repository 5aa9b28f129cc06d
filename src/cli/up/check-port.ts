import { once } from 'node:events';
import { createServer } from 'node:net';
import { CliError, messageOf } from '../errors.js';

/**
 * Sees that a TCP port of 127.0.0.1 can be listened on.
 *
 * @param option the option that would name another port
 * @throws CliError when somebody else listens there, or we may not
 */
export async function checkPortFree(port: number, option: string): Promise<void> {
  const listener = createServer();
  try {
    listener.listen(port, '127.0.0.1');
    await once(listener, 'listening');
  } catch (error) {
    const got = (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'it in use' : messageOf(error);
    throw new CliError(
      `Expected port ${port} to be free for the Temporal dev server, got ${got}: name another one with ${option}, or ` +
        'set TEMPORAL_ADDRESS to use a server that is already running',
    );
  }
  listener.close();
  await once(listener, 'close');
}
