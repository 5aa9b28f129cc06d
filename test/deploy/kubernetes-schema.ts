/** A Kubernetes object as a manifest has it. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
}

/** A validator as ajv compiles it from a published schema. */
type Validate = ((value: unknown) => boolean) & { errors?: { instancePath: string; message?: string }[] };

/**
 * What is wrong with a manifest by the published schema of its kind: first the mistakes, then the keys that the schema does
 * not know. Kubernetes would drop these without a word, and the schema lets them pass; but it never reads them.
 */
export async function findMistakes(manifest: Manifest): Promise<string[]> {
  const validate = await loadValidator(manifest);
  const unread = new Set<string>();
  validate(watchKeys(manifest, '', unread));
  const mistakes = (validate.errors ?? []).map(
    ({ instancePath, ...rest }) => `${instancePath}: ${JSON.stringify(rest)}`,
  );
  return [...mistakes, ...[...unread].map((path) => `${path}: no such key`)];
}

async function loadValidator({ apiVersion, kind }: Manifest): Promise<Validate> {
  const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
  const name = ['io', 'k8s', 'api', group, version, kind].map(
    (part) => part.charAt(0).toUpperCase() + part.slice(1),
  );
  const { validate } = (await import(`kubernetes-models/_schemas/${name.join('')}`)) as {
    validate: Validate;
  };
  return validate;
}

/** The same value, which notes each of its keys as unread until it is read. */
function watchKeys(value: unknown, path: string, unread: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const children = new Map<string, unknown>();
  for (const [key, child] of Object.entries(value)) {
    if (!Array.isArray(value)) unread.add(`${path}/${key}`);
    children.set(key, watchKeys(child, `${path}/${key}`, unread));
  }
  return new Proxy(value, {
    get(target, key) {
      if (typeof key !== 'string' || !children.has(key)) return Reflect.get(target, key) as unknown;
      unread.delete(`${path}/${key}`);
      return children.get(key);
    },
  });
}
