import { randomBytes } from 'node:crypto';
import type { TestDatabase } from './database.js';

/** The secrets that a text contains, as they are or encoded in hex or base64. */
export function secretsIn(text: string, secrets: readonly string[]): string[] {
  const lower = text.toLowerCase();
  return secrets.filter((secret) =>
    [secret, Buffer.from(secret).toString('hex'), ...base64Of(secret)].some((needle) =>
      lower.includes(needle.toLowerCase()),
    ),
  );
}

/** The parts of a secret's base64 that do not depend on the text around it. */
function base64Of(secret: string): string[] {
  return [0, 1, 2].map((before) =>
    Buffer.from('x'.repeat(before) + secret)
      .toString('base64')
      .slice(before === 0 ? 0 : 4, -4),
  );
}

/** A test's login with a password that can be searched for. */
export interface SecretLogin {
  url: string;
  password: string;
  /** Changes the password on the server, and ends all connections of this login. */
  changePassword: () => Promise<void>;
  restorePassword: () => Promise<void>;
  /** For afterEach, while its database is still there. */
  drop: () => Promise<void>;
}

/**
 * Creates a member of role `reaper` with a password that is like no other text.
 *
 * @param port the port of a way to the server that a test can cut
 */
export async function createSecretLogin(db: TestDatabase, port: number): Promise<SecretLogin> {
  const login = `test_secret_${randomBytes(6).toString('hex')}`;
  const password = `PasswordOfPostgres${randomBytes(6).toString('hex')}`;
  const setPassword = (to: string) => db.admin.query(`alter role ${login} password '${to}'`);
  await db.admin.query(`create role ${login} login password '${password}' in role reaper`);
  const url = new URL(db.reaperUrl);
  [url.username, url.password, url.host] = [login, password, `127.0.0.1:${port}`];
  return {
    url: url.href,
    password,
    async changePassword() {
      await setPassword('another');
      await db.admin.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [
        login,
      ]);
    },
    async restorePassword() {
      await setPassword(password);
    },
    async drop() {
      await db.admin.query(`drop role ${login}`);
    },
  };
}
