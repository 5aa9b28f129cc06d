import type { JobActivities } from '../../src/activities/jobs.js';

/** A gate that holds every caller until all are released. */
export interface Hold {
  pass: Promise<void>;
  letGo: () => void;
}

export function createHold(): Hold {
  let letGo: () => void = () => undefined;
  const pass = new Promise<void>((resolve) => (letGo = resolve));
  return { pass, letGo };
}

/** Holds the claims of host watches, until they are let go. */
export function holdSettling() {
  const { pass, letGo } = createHold();
  const jobs = (real: JobActivities): Pick<JobActivities, 'settlePage'> => ({
    async settlePage(page) {
      await pass;
      return real.settlePage(page);
    },
  });
  return { jobs, letGo };
}
