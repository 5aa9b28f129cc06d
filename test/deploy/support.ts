import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { readSettings, settingsSchema } from '../../src/config.js';

/** What `@temporalio/envconfig` reads, as far as a deployment file may set it. */
const TEMPORAL_NAMES = ['TEMPORAL_ADDRESS', 'TEMPORAL_NAMESPACE', 'TEMPORAL_API_KEY', 'TEMPORAL_PROFILE'];

/** The path of a file of the project. */
export function pathOf(file: string): string {
  return fileURLToPath(new URL(`../../${file}`, import.meta.url));
}

/** A file of the project. */
export function read(file: string): Promise<string> {
  return readFile(pathOf(file), 'utf8');
}

/** Checks variables that a deployment sets: each is a setting with a fitting value, or one that Temporal's clients read. */
export function checkSettings(env: Record<string, string>): void {
  const known = [...Object.keys(settingsSchema.shape), ...TEMPORAL_NAMES];
  expect(Object.keys(env).filter((name) => !known.includes(name))).toEqual([]);
  readSettings(env);
}

/** Reads `NAME=value` lines, with the commented ones if wanted. */
export function readEnvFile(text: string, isWithComments = false): Record<string, string> {
  const pattern = isWithComments ? /^#?([A-Z_]+)=(.*)$/gm : /^([A-Z_]+)=(.*)$/gm;
  return Object.fromEntries([...text.matchAll(pattern)].map(([, name = '', value = '']) => [name, value]));
}
