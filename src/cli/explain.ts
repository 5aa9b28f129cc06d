import { Command } from 'commander';
import { colors } from './colors.js';
import { withContext } from './context.js';
import { explain, type Explanation } from '../explain/explain.js';
import { gatherFacts } from '../explain/gather.js';
import { examples, printJson, say } from './output.js';

/** `job-reaper explain` */
export function explainCommand(): Command {
  return new Command('explain')
    .description(
      "Explain why a job was reaped or not; the job's own host is asked what it sees of the process",
    )
    .argument('<job>', 'the id of the job')
    .option('--json', 'print all facts and the explanation as JSON')
    .addHelpText('after', examples('job-reaper explain 4711', 'job-reaper explain 4711 --json'))
    .action(async (job: string, { json }: { json?: true }) => {
      const facts = await withContext((context) => gatherFacts(context, job));
      const explanation = explain(facts);
      if (json) printJson({ ...explanation, facts });
      else print(explanation);
      if (!explanation.known) process.exitCode = 1;
    });
}

function print({ headline, sections }: Explanation): void {
  say(colors.bold(headline));
  for (const { title, lines } of sections) {
    say(`\n${colors.cyan(title)}`);
    for (const line of lines) say(`  ${line}`, 2);
  }
}
