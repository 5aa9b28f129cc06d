import type { LivenessDriver } from './driver.js';

/** For platforms where nothing can be proven about a process: every answer is doubt. */
export function createUnsupportedDriver(platform: string): LivenessDriver {
  const why = `liveness cannot be judged on ${platform}`;
  const driver: LivenessDriver = {
    kind: 'unsupported',
    prepare: () => driver,
    look: () => ({ kind: 'unclear', why }),
    locate: () => ({ kind: 'elsewhere', evidence: why }),
    compareStart: () => ({ kind: 'unclear', why }),
    identify: () => null,
  };
  return driver;
}
