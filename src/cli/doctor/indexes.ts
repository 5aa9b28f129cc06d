import { findWholeReads } from '../../db/inspect/plans.js';
import { fail, ok, warn, type Check } from './check.js';

/** Rows from which on reading a table as a whole at each sweep hurts. */
const MANY_ROWS = 100_000;

/** The scans find running jobs by an index, however many are finished. */
export const indexesCheck: Check = {
  name: 'indexes',
  needs: ['postgres', 'schema'],
  async run({ pool }) {
    const expected = 'an index for what every sweep reads';
    const reads = await findWholeReads(pool);
    if (reads.length === 0) return [ok(expected, 'one for each table')];
    return reads.map(({ table, rows }) => {
      const got = `none on ${table} (about ${rows} rows), which is read as a whole`;
      const todo = `create one over running jobs only, such as: CREATE INDEX CONCURRENTLY ON ${table} (host) WHERE status = 'running'`;
      return rows >= MANY_ROWS ? fail(expected, got, todo) : warn(expected, got, todo);
    });
  },
};
