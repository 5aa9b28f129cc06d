import fc from 'fast-check';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { readSettings, SettingsError, type Settings } from '../../src/config.js';
import { LeaseNames } from '../../src/leases/index.js';
import { Names } from '../../src/naming.js';

const YEAR_S = 365 * 24 * 3600;

const NAMES = [
  ...Object.keys(readSettings({})),
  'DATABASE_URL',
  'DATABASE_ADMIN_URL',
  'REAPER_ADMIN_ADDR',
  'REAPER_GATE_DATABASE_URL',
  'REAPER_PAYLOAD_CODEC',
  'REAPER_PIPELINE',
  'REAPER_WEBHOOK_URL',
  'TELEGRAM_BOT_TOKEN',
  'TELEGRAM_CHAT_ID',
  'MERGE_LEASE_DIR',
  'REAPER_NO_SUCH_THING',
];
const value = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    ' ',
    'true',
    'TRUE',
    '0',
    '-1',
    '1e300',
    '1e-300',
    'Infinity',
    'NaN',
    '0x10',
    '15',
    '3600',
    '2147483648',
  ),
  fc.constantFrom(
    '9'.repeat(400),
    'x'.repeat(100_000),
    '\0',
    '../../etc',
    'postgres://u:geheim@h/d',
    'postgres://u:geheim@h:99999/d',
    'postgres://u:geheim%zz@[::1/d',
    'postgres://u:geheim@h/d?sslmode=verify-ca&uselibpqcompat=true',
    'postgres://u:geheim@h/d?sslkey=/nowhere/key.pem',
    'http://geheim@h',
    '[::]:99999',
    '[::]:0',
    'alert',
    '.5',
    '0b11',
    '1001',
    'web,api,web',
    'org/web',
    'host\n',
    '@channel',
    '-100123',
    '1:x',
    'postgres://',
    'postgres://u:geheim@h/d?sslmode=requre',
    'postgres://u:geheim@h/d?ssl=tru',
    'postgres://u:geheim@h/d?sslmode=disable',
    'https://h/p',
    'https://geheim@h/?q',
    'https://h/#',
  ),
);
/** One that is accepted alone, for those that odd values hardly ever are. */
const RIGHT: Readonly<Record<string, string>> = {
  REAPER_ENABLED: 'false',
  LEASE_RECLAIM_ENABLED: 'false',
  REAPER_SEARCH_ATTRIBUTES: 'false',
  REAPER_SHARED_PID_NAMESPACE: 'true',
  REAPER_PROC: '/host/proc',
  REAPER_SENTINEL: 'false',
  REAPER_BACKSTOP_ALIVE: 'reap',
  REAPER_BRAKE: 'false',
  REAPER_BACKSTOP_UNKNOWN: 'alert',
  REAPER_MAX_RUNNING_S: '3600',
  REAPER_WATCH_ALL_LIMIT: '.5e1',
  REAPER_MAX_WATCHES: '100',
  DATABASE_URL: 'postgres://u:geheim@h/d?sslmode=disable',
  DATABASE_ADMIN_URL: 'postgres://',
  REAPER_GATE_DATABASE_URL: 'postgres://u:geheim@h/d?ssl=true',
  TELEGRAM_BASE_URL: 'https://h/p',
  REAPER_WEBHOOK_URL: 'https://h/?geheim',
};
const env = fc
  .subarray(NAMES, { maxLength: 4 })
  .chain((names) =>
    fc.record(
      Object.fromEntries(
        names.map((name) => [
          name,
          fc.oneof(value, fc.constantFrom(RIGHT[name] ?? '15', RIGHT[name] ?? '0')),
        ]),
      ),
    ),
  );

/** What the rest of the code relies on, setting by setting. */
const RELIED_ON: { [Name in keyof Settings]-?: (value: Exclude<Settings[Name], undefined>) => void } = {
  REAPER_ENABLED: isBoolean,
  LEASE_RECLAIM_ENABLED: isBoolean,
  REAPER_INTERVAL_S: (value) => isWithin(value, 0.1, YEAR_S),
  REAPER_CONFIRM_S: (value) => isWithin(value, 0.1, YEAR_S),
  REAPER_DEAD_TICKS: (value) => isCount(value, 1, 1_000),
  REAPER_FINALIZE_GRACE_S: (value) => isWithin(value, 0, YEAR_S),
  REAPER_MAX_RUNNING_S: (value) => isCount(value, 1, YEAR_S),
  REAPER_BACKSTOP_ALIVE: (value) => expect(['alert', 'reap']).toContain(value),
  REAPER_BRAKE: isBoolean,
  REAPER_MAX_CRASHES: (value) => isCount(value, 1, Number.MAX_SAFE_INTEGER),
  REAPER_BACKSTOP_UNKNOWN: (value) => expect(['alert', 'reap']).toContain(value),
  REAPER_WATCH_ALL_LIMIT: (value) => isCount(value, 0, 1_500),
  REAPER_MAX_WATCHES: (value) => isCount(value, 1, 1_500),
  REAPER_BATCH_ABOVE: (value) => isCount(value, 1, Number.MAX_SAFE_INTEGER),
  REAPER_SEARCH_ATTRIBUTES: isBoolean,
  // Part of workflow ids and of names of queues, as it is.
  REAPER_NAME: (value) => expect(new Names(value).reaper).toMatch(/^[A-Za-z0-9._-]{1,100}$/),
  // Stands in logs and in the names of queues.
  REAPER_HOST: (value) => expect(value).toMatch(/^[^\p{Cc}]{1,200}$/u),
  REAPER_SHARED_PID_NAMESPACE: isBoolean,
  REAPER_PROC: (value) => expect(value).toMatch(/^\//),
  REAPER_SENTINEL: isBoolean,
  MERGE_LEASE_DIR: isNotBlank,
  MERGE_GATE_REPOS: (names) => {
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) new LeaseNames(name);
  },
  SELF_HOSTING_REPO: (name) => expect(() => new LeaseNames(name)).not.toThrow(),
  REAPER_ADMIN_ADDR: ({ host, port }) => {
    isNotBlank(host);
    isCount(port, 0, 65_535);
  },
  DATABASE_URL: isDatabaseUrl,
  REAPER_GATE_DATABASE_URL: isDatabaseUrl,
  DATABASE_ADMIN_URL: isDatabaseUrl,
  REAPER_PIPELINE: isNotBlank,
  REAPER_PAYLOAD_CODEC: isNotBlank,
  TELEGRAM_BOT_TOKEN: (value) => expect(value).toMatch(/^\d+:[\w-]+$/),
  TELEGRAM_CHAT_ID: (value) =>
    expect(/^@\w{4,32}$/.test(value) || Number.isSafeInteger(Number(value))).toBe(true),
  // The token is put behind it.
  TELEGRAM_BASE_URL: (value) => expect(new URL(`${value}/bot1:x/call`).pathname).toMatch(/\/bot1:x\/call$/),
  REAPER_WEBHOOK_URL: (value) => expect(['http:', 'https:']).toContain(new URL(value).protocol),
};

function isBoolean(value: unknown): void {
  expect(value).toBeTypeOf('boolean');
}

function isNotBlank(value: string): void {
  expect(value.trim()).not.toBe('');
}

function isWithin(value: number, least: number, most: number): void {
  expect(value).toBeGreaterThanOrEqual(least);
  expect(value).toBeLessThanOrEqual(most);
}

function isCount(value: number, least: number, most: number): void {
  expect(Number.isInteger(value)).toBe(true);
  isWithin(value, least, most);
}

function isDatabaseUrl(connectionString: string): void {
  const { ssl = false } = new pg.Client({ connectionString }) as unknown as { ssl?: unknown };
  expect(['boolean', 'object']).toContain(typeof ssl);
}

describe('settings, whatever the environment says', () => {
  it('are what the code relies on, each of them, or refused with every mistake and no secret', () => {
    const taken = new Set<string>();
    fc.assert(
      fc.property(env, (given) => {
        try {
          const settings = readSettings(given);
          for (const [name, judge] of Object.entries(RELIED_ON)) {
            const value = settings[name as keyof Settings];
            if (value !== undefined) (judge as (value: unknown) => void)(value);
            if (given[name]?.trim()) taken.add(name);
          }
          expect(settings.REAPER_FINALIZE_GRACE_S).toBeLessThan(settings.REAPER_MAX_RUNNING_S);
          expect(settings.REAPER_WATCH_ALL_LIMIT).toBeLessThanOrEqual(settings.REAPER_MAX_WATCHES);
          expect(settings.TELEGRAM_BOT_TOKEN === undefined).toBe(settings.TELEGRAM_CHAT_ID === undefined);
          for (const [name, text] of Object.entries(given))
            if (typeof settings[name as keyof Settings] === 'number')
              expect(text.trim()).not.toMatch(/^0[xbo]/i);
        } catch (error) {
          if (!(error instanceof SettingsError)) throw error;
          expect(error.mistakes.length).toBeGreaterThan(0);
          for (const mistake of error.mistakes)
            expect(NAMES.some((name) => mistake.startsWith(name))).toBe(true);
          expect(error.message).not.toContain('geheim');
        }
      }),
      { numRuns: 5_000 },
    );
    // Those of Telegram come in pairs only.
    const single = Object.keys(RELIED_ON).filter((name) => !/^TELEGRAM_(BOT|CHAT)/.test(name));
    expect(single.filter((name) => !taken.has(name))).toEqual([]);
  });

  it.each([
    ['REAPER_INTERVAL_S', '1e12'],
    ['REAPER_MAX_RUNNING_S', '9007199254740991'],
    ['REAPER_FINALIZE_GRACE_S', '1e15'],
  ])('%s=%s is refused: no timer can be set for it', (name, text) => {
    expect(() => readSettings({ [name]: text })).toThrow(
      `${name}: expected at most 31536000 seconds (a year), got "${text}"`,
    );
  });
});
