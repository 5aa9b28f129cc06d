import type { Queryable } from '../database.js';
import { NOT_ALLOWED } from '../explain-error.js';
import { findEarlyCasts } from '../inspect/early-casts.js';
import { isDataException } from '../inspect/unreadable.js';
import { describeZoneDependence, findZoneDependence } from '../inspect/zones.js';

/**
 * Checks, within the caller's transaction, that role `reaper` sees every row of the view, and that its times and keys are the same for
 * every session.
 *
 * @returns what could not be checked, and what a value that does not fit would break
 * @throws with what is wrong and what to do about it
 */
export async function checkView(admin: Queryable): Promise<string[]> {
  await admin.query('savepoint look');
  try {
    await readAsReaper(admin);
    const [first] = await findZoneDependence(admin);
    if (first !== undefined) {
      const { got, todo } = describeZoneDependence(first);
      throw new Error(
        `Expected times and run keys that do not depend on the time zone, got: ${got}: ${todo}`,
      );
    }
    return (await findEarlyCasts(admin)).map(
      (cast) =>
        `The view computes ${cast} for every row of a joined table: one value that does not fit makes the whole view unreadable. ` +
        "Cast in the view's own columns, or in a lateral subquery: docs/sql-contract.md.",
    );
  } catch (error) {
    if (!isDataException(error)) throw error;
    // One bad row is no reason to refuse the migration.
    return [`A row cannot be read (${(error as Error).message}): job-reaper doctor names it.`];
  } finally {
    // Restores role, row security, time zone and planner.
    await admin.query('rollback to savepoint look');
    await admin.query('release savepoint look');
  }
}

/** Becomes a role of ours within the caller's transaction. False, and still the same login, if that is not allowed. */
export async function becomeRole(admin: Queryable, role: 'reaper' | 'reaper_note'): Promise<boolean> {
  await admin.query('savepoint become');
  try {
    await admin.query(`set local role ${role}`);
    await admin.query('release savepoint become');
    return true;
  } catch (error) {
    if ((error as { code?: string }).code !== NOT_ALLOWED) throw error;
    await admin.query('rollback to savepoint become');
    return false;
  }
}

/** Asks for no row: Postgres checks permissions and row security before it reads any. */
async function readAsReaper(admin: Queryable): Promise<void> {
  await becomeRole(admin, 'reaper');
  // Makes Postgres refuse instead of hiding rows.
  await admin.query('set local row_security = off');
  try {
    await admin.query('select * from reaper.running_job limit 0');
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code !== NOT_ALLOWED) throw error;
    throw new Error(
      `Expected role reaper to see every row of reaper.running_job, got "${message}": ` +
        'have the owner of those tables and functions migrate, or have an administrator grant what is missing ' +
        '(for row-level security that is BYPASSRLS, or the ownership of a table that does not force it)',
      { cause: error },
    );
  }
}
