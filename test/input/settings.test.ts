import fc from 'fast-check';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { readSettings, SettingsError, toPolicy } from '../../src/config.js';

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
  ),
);
const env = fc.dictionary(fc.constantFrom(...NAMES), value, { maxKeys: 12 });

describe('settings, whatever the environment says', () => {
  it('are accepted as a policy that workflows can live with, or refused with every mistake and no secret', () => {
    fc.assert(
      fc.property(env, (given) => {
        try {
          const settings = readSettings(given);
          for (const connectionString of [settings.DATABASE_URL, settings.DATABASE_ADMIN_URL])
            if (connectionString !== undefined) new pg.Client({ connectionString });
          const policy = toPolicy(settings);
          for (const seconds of [policy.intervalS, policy.finalizeGraceS, policy.maxRunningS]) {
            expect(seconds).toBeGreaterThanOrEqual(0);
            expect(seconds).toBeLessThanOrEqual(365 * 24 * 3600);
          }
          expect(policy.intervalS).toBeGreaterThan(0);
          expect(policy.deadTicks).toBeGreaterThanOrEqual(1);
          expect(policy.maxWatches).toBeLessThanOrEqual(1_500);
        } catch (error) {
          if (!(error instanceof SettingsError)) throw error;
          expect(error.mistakes.length).toBeGreaterThan(0);
          for (const mistake of error.mistakes)
            expect(NAMES.some((name) => mistake.startsWith(name))).toBe(true);
          expect(error.message).not.toContain('geheim');
        }
      }),
      { numRuns: 3_000 },
    );
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
