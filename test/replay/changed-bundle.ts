import { randomBytes } from 'node:crypto';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DefaultLogger, bundleWorkflowCode } from '@temporalio/worker';
import { packageRoot } from '../../src/paths.js';

/** The next version of our workflows, as somebody who changes them would build it. */
export interface ChangedBundle {
  codePath: string;
  remove: () => Promise<void>;
}

/**
 * Bundles a copy of the built workflows in which one text of one file is replaced.
 *
 * @throws when the text is not there: the change has to be written anew
 */
export async function changeWorkflow(
  name: string,
  text: string,
  replacement: string,
): Promise<ChangedBundle> {
  const dist = join(packageRoot, 'dist');
  const folder = join(dist, `changed-${randomBytes(4).toString('hex')}`);
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await mkdir(folder);
    for (const part of ['workflows', 'domain']) {
      await cp(join(dist, 'src', part), join(folder, part), { recursive: true });
    }
    const file = join(folder, 'workflows', name);
    const source = await readFile(file, 'utf8');
    if (!source.includes(text))
      throw new Error(`Expected ${file} to contain \`${text}\`, got none: change another place`);
    await writeFile(
      file,
      `import { patched, sleep } from '@temporalio/workflow';\n${source.replace(text, replacement)}`,
    );
    const { code } = await bundleWorkflowCode({
      workflowsPath: join(folder, 'workflows', 'index.js'),
      payloadConverterPath: join(folder, 'workflows', 'payload-converter.js'),
      logger: new DefaultLogger('ERROR'),
    });
    const codePath = join(folder, 'bundle.js');
    await writeFile(codePath, code);
    return { codePath, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
