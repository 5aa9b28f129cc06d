import pg from 'pg';
import { expect, it } from 'vitest';
import { isWorthRetrying } from '../../src/db/worth-retrying.js';

const told = (code: string) => Object.assign(new pg.DatabaseError('no', 2, 'error'), { code });

it.each(['08006', '28P01', '28000', '3D000', '57P01', '53300', '53100', '25006', '40001', '40P01'])(
  'what is the matter with the database (SQLSTATE %s) is no trouble of one run',
  (code) => {
    expect(isWorthRetrying(told(code))).toBe(true);
    expect(isWorthRetrying(new Error('in other words', { cause: told(code) }))).toBe(true);
  },
);

it.each(['23505', '42P01', '42501', '57014', 'P0001', 'RP002', '55P03'])(
  'what Postgres answers to the statement (SQLSTATE %s) it answers again',
  (code) => {
    expect(isWorthRetrying(told(code))).toBe(false);
  },
);
