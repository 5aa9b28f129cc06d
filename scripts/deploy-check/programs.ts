import { execa } from 'execa';

/** Whether a program can be started. */
export async function hasProgram(name: string): Promise<boolean> {
  const { failed } = await execa('sh', ['-c', 'command -v "$1"', 'sh', name], { reject: false });
  return !failed;
}

/** Which of the programs are missing. */
export async function missingPrograms(names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(names.map(hasProgram));
  return names.filter((_, index) => found[index] !== true);
}
