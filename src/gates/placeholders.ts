import { didYouMean } from '../domain/did-you-mean.js';
import { oneOf, shown } from '../domain/wording.js';
import type { GateInput } from './types.js';

/** The names of placeholders, which are a contract with pipeline files, and what each stands for. */
const FIELDS = {
  job: 'job',
  stage: 'stage',
  repo: 'repo',
  branch: 'branch',
  work_item: 'workItem',
} as const satisfies Record<string, keyof GateInput>;
type Name = keyof typeof FIELDS;
const NAMES = Object.keys(FIELDS) as Name[];

/** Values of these two often contain folders. */
const MAY_CONTAIN_SLASH: readonly Name[] = ['branch', 'work_item'];

/** Braces around anything but one word (JSON, `{ print }`) are ordinary text. */
const PLACEHOLDER = /\{([A-Za-z_]\w*)\}/g;

/** A value that cannot be filled into a gate's parameters. */
export class PlaceholderError extends Error {
  override name = 'PlaceholderError';
}

/** True if the text contains `{job}`, `{stage}`, `{repo}`, `{branch}` or `{work_item}`. */
export function hasPlaceholder(template: string): boolean {
  return namesIn(template).some(isName);
}

/** One sentence for each unknown placeholder in the text. */
export function placeholderMistakes(template: string): string[] {
  const known = oneOf(NAMES.map((name) => `{${name}}`));
  return namesIn(template)
    .filter((name) => !isName(name))
    .map(
      (name) =>
        `expected a placeholder ${known}, got "{${name}}"${didYouMean(name, NAMES) || '; for text in braces write "{ … }"'}`,
    );
}

/**
 * Fills in the job's values unchanged, in one pass: a value that looks like a placeholder stays text.
 *
 * @throws PlaceholderError when a value is missing, empty or contains a NUL
 */
export function fillText(template: string, input: GateInput): string {
  return template.replace(PLACEHOLDER, (match, name: string) => {
    if (!isName(name)) return match;
    const value = input[FIELDS[name]];
    if (value === null || value === '') {
      throw new PlaceholderError(`expected a ${name} to put into ${shown(template)}, got none`);
    }
    if (value.includes('\0')) throw refusal(name, value, 'without a NUL', template);
    return value;
  });
}

/**
 * Like {@link fillText}, for a path: the result stays below the folder that the template names.
 *
 * @throws PlaceholderError when a value is absolute, has an empty segment or one that is `.` or `..`, or contains a `/`
 *   where a single name belongs
 */
export function fillPath(template: string, input: GateInput): string {
  return template
    .split('/')
    .map((segment) => (hasPlaceholder(segment) ? fillSegment(segment, template, input) : segment))
    .join('/');
}

function fillSegment(segment: string, template: string, input: GateInput): string {
  const filled = fillText(segment, input);
  for (const name of namesIn(segment).filter(isName)) {
    const value = input[FIELDS[name]] ?? '';
    if (value.includes('\\')) throw refusal(name, value, 'without a backslash', template);
    if (value.includes('/') && !MAY_CONTAIN_SLASH.includes(name)) {
      throw refusal(name, value, 'without a slash', template);
    }
    if (leavesFolder(value)) throw refusal(name, value, 'that stays below its folder', template);
  }
  return filled;
}

function leavesFolder(path: string): boolean {
  return path.split('/').some((part) => part === '' || part === '.' || part === '..');
}

function namesIn(template: string): string[] {
  return [...template.matchAll(PLACEHOLDER)].map((match) => match[1] ?? '');
}

function isName(name: string): name is Name {
  return (NAMES as readonly string[]).includes(name);
}

function refusal(name: Name, value: string, wanted: string, template: string): PlaceholderError {
  return new PlaceholderError(`expected a ${name} ${wanted} for ${shown(template)}, got ${shown(value)}`);
}
