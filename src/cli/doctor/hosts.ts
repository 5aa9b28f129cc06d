import { readHostWarnings } from '../../db/host-warnings.js';
import { fail, ok, type Check } from './check.js';

/** Checks that each host name belongs to one machine, its probe works, and no two machines share a boot id. */
export const hostsCheck: Check = {
  name: 'hosts',
  needs: ['postgres', 'schema'],
  async run({ pool }) {
    const expected = 'one machine per host name, with a working probe';
    const warnings = await readHostWarnings(pool);
    if (warnings.length === 0) return [ok(expected, 'no problem reported')];
    return warnings.map(({ host, what }) =>
      fail(
        expected,
        `host "${host}": ${what}`,
        'see docs/identity.md, "Boots and machines"; if a probe fails, run job-reaper doctor there',
      ),
    );
  },
};
