import { readHostWarnings } from '../../db/host-warnings.js';
import { fail, ok, type Check } from './check.js';

/** Each host's name is one machine's, its probe can do its work, and no boot is two machines'. */
export const hostsCheck: Check = {
  name: 'hosts',
  needs: ['postgres', 'schema'],
  async run({ pool }) {
    const expected = 'one machine for each host, whose probe does not fail';
    const warnings = await readHostWarnings(pool);
    if (warnings.length === 0) return [ok(expected, 'nothing else was reported')];
    return warnings.map(({ host, what }) =>
      fail(
        expected,
        `host "${host}": ${what}`,
        'see docs/identity.md, "Boots and machines"; for a probe that fails: job-reaper doctor there',
      ),
    );
  },
};
