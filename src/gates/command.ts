import { messageOf } from '../domain/trouble.js';
import { shown } from '../domain/wording.js';
import { runInGroup, searchPath } from './process-group.js';
import { GateNotAsked, wasEndedFromOutside } from './not-asked.js';
import { OutputTail } from './output-tail.js';
import { fillPath, fillText, hasPlaceholder, PlaceholderError } from './placeholders.js';
import type { SpecOf } from './spec.js';
import { GateFailure, type GateInput, type GateResult } from './types.js';

const OUTPUT_CHARACTERS = 2000;

/**
 * Kind `command`: green when the command exits with 0. It is read-only by contract only: the author of the pipeline is
 * responsible for what the command does.
 *
 * @throws GateNotAsked when this machine lacked the resources for a process, or something outside ended the command;
 *   GateFailure when it could not be started for another reason, or at the signal, once the command and everything it
 *   started are gone
 */
export async function checkCommand(
  spec: SpecOf<'command'>,
  input: GateInput,
  { signal }: { signal: AbortSignal },
): Promise<GateResult> {
  const [file = '', ...args] = fillArguments(spec.argv, input);
  const output = new OutputTail(OUTPUT_CHARACTERS);
  const argv = [file, ...args];
  const { exitCode, endedBy } = await runInGroup({
    file,
    args,
    cwd: spec.cwd === undefined ? undefined : fillPath(spec.cwd, input),
    env: cleanEnvironment(spec, input),
    stdout: output,
    stderr: output,
    signal,
  }).catch((cause: unknown) => {
    if (cause instanceof GateNotAsked) throw cause;
    throw new GateFailure(messageOf(cause), { argv, output: output.text() }, { cause });
  });
  if (wasEndedFromOutside(endedBy)) {
    throw new GateNotAsked(`expected ${shown(file)} to exit, but something outside ended it with ${endedBy}`);
  }
  const green = exitCode === 0;
  const end = exitCode === null ? `was ended by ${endedBy ?? 'a signal'}` : `exited with ${exitCode}`;
  return {
    green,
    reason: green ? `${shown(file)} ${end}` : `expected ${shown(file)} to exit with 0, but it ${end}`,
    evidence: { argv, exit_code: exitCode, signal: endedBy, output: output.text() },
  };
}

/** Each placeholder stays within its argument, and a job's value never turns an argument into an option. */
function fillArguments(argv: readonly string[], input: GateInput): string[] {
  const optionsEnd = argv.indexOf('--');
  return argv.map((template, index) => {
    const argument = fillText(template, input);
    const isPositional = optionsEnd !== -1 && index > optionsEnd;
    if (hasPlaceholder(template) && !isPositional && argument.startsWith('-') && !template.startsWith('-')) {
      throw new PlaceholderError(
        `expected a value that cannot be read as an option for argv[${index}] ${shown(template)}, got ${shown(argument)}: ` +
          'put "--" before it, or let the command read it from GATE_JOB, GATE_BRANCH and so on',
      );
    }
    return argument;
  });
}

/** Our own environment contains secrets: only the search path is passed on. */
function cleanEnvironment({ env }: SpecOf<'command'>, input: GateInput): Record<string, string> {
  return {
    PATH: searchPath(),
    LANG: 'C.UTF-8',
    ...env,
    GATE_JOB: input.job,
    GATE_STAGE: input.stage,
    GATE_REPO: input.repo ?? '',
    GATE_BRANCH: input.branch,
    GATE_WORK_ITEM: input.workItem ?? '',
  };
}
