import { findWholeReads } from '../../db/inspect/plans.js';
import { fail, ok, warn, type Check } from './check.js';

/** The number of rows from which a full read of the table at each sweep hurts. */
const MANY_ROWS = 100_000;

/** Checks that scans find running jobs with an index, however many finished jobs there are. */
export const indexesCheck: Check = {
  name: 'indexes',
  needs: ['postgres', 'schema'],
  async run({ pool }) {
    const expected = 'an index for each table that every sweep reads';
    const reads = await findWholeReads(pool);
    if (reads.length === 0) return [ok(expected, 'all have one')];
    return reads.map(({ table, rows }) => {
      const got = `none on ${table} (about ${rows} rows), so each sweep reads all of it`;
      const todo = `create one for running jobs only, such as: CREATE INDEX CONCURRENTLY ON ${table} (host) WHERE status = 'running'`;
      return rows >= MANY_ROWS ? fail(expected, got, todo) : warn(expected, got, todo);
    });
  },
};
