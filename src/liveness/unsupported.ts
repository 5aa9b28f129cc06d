import type { LivenessDriver } from './driver.js';
import { NO_NAMESPACES } from './no-namespaces.js';

/** For platforms where nothing can be proven about a process: every answer is doubt. */
export function createUnsupportedDriver(platform: string): LivenessDriver {
  const why = `liveness cannot be judged on ${platform}`;
  const driver: LivenessDriver = {
    ...NO_NAMESPACES,
    kind: 'unsupported',
    prepare: () => Promise.resolve(driver),
    seemsGone: () => false,
    look: () => ({ kind: 'unclear', why }),
    locate: () => ({ kind: 'elsewhere', evidence: why }),
    compareStart: () => ({ kind: 'unclear', why }),
    identify: () => null,
  };
  return driver;
}
