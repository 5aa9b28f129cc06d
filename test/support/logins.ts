import { executeOnce } from '../../src/db/execute-once.js';

const PASSWORD = 'test';

type Role = 'reaper' | 'reaper_probe' | 'reaper_worker';

const loginOf = (role: Role) => `test_${role}`;

/** Creates a login for each role that the product uses, as its member: the roles stay as the migration made them. */
export async function createLogins(adminUrl: string): Promise<void> {
  for (const role of ['reaper', 'reaper_probe', 'reaper_worker'] as const) {
    const create = `create role ${loginOf(role)} login password '${PASSWORD}' in role ${role};`;
    await executeOnce(
      adminUrl,
      `do $$ begin ${create} exception when duplicate_object or unique_violation then null; end $$`,
      10,
    );
  }
}

/** The URL of the same database for the role's login. */
export function loginAs(role: Role, adminUrl: string): string {
  const url = new URL(adminUrl);
  url.username = loginOf(role);
  url.password = PASSWORD;
  return url.href;
}
