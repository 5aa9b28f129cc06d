import { freePort } from '../servers/free-port.js';
import { installRuntime } from '../temporal/runtime.js';
import type { WorkerContext } from './context.js';

const ATTEMPTS = 5;

/**
 * Installs the SDK's runtime. With an admin port, the SDK serves its own metrics on a free port of 127.0.0.1.
 *
 * @returns that port, or null
 */
export async function installRuntimeFor({ settings, log }: WorkerContext): Promise<number | null> {
  if (settings.REAPER_ADMIN_ADDR === undefined) {
    installRuntime(log);
    return null;
  }
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      return installRuntime(log, port) ? port : null;
    } catch (error) {
      // Another process took the port meanwhile.
      if (attempt >= ATTEMPTS) throw error;
    }
  }
}
