/** A gate that holds every caller until all are released. */
export interface Hold {
  pass: Promise<void>;
  letGo: () => void;
}

export function createHold(): Hold {
  let letGo: () => void = () => undefined;
  const pass = new Promise<void>((resolve) => (letGo = resolve));
  return { pass, letGo };
}
