/** Extensions that installed packages offer. */

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

import { ConfigurationError, isRecord } from "./errors";
import { asExtension, oneOrMany, type PipelineExtension } from "./pipeline";

/** What a package has among its keywords when it offers extensions. */
export const KEYWORD = "headroom-pipeline-extension";

/** Names as npm gives them: no paths, nothing above the folder of packages. */
const NAME = /^(?:@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*$/i;

/** Under which conditions Node imports. */
const CONDITIONS = new Set(["node", "import", "module-sync", "default"]);

/** What is read of a `package.json`. */
interface Manifest {
  keywords?: unknown;
  exports?: unknown;
  main?: unknown;
}

/**
 * Loads the extensions of packages, in order.
 *
 * @throws ConfigurationError when a package is not installed, has not the keyword, cannot be loaded or exports something
 * else: somebody named it, so it must not be missing silently.
 */
export async function extensionsOfPackages(names: readonly string[]): Promise<PipelineExtension[]> {
  const found: PipelineExtension[] = [];
  for (const name of names) {
    const file = manifestOf(name);
    const manifest = JSON.parse(readFileSync(file, "utf8")) as Manifest;
    const { keywords } = manifest;
    if (!Array.isArray(keywords) || !keywords.includes(KEYWORD)) {
      throw wrong(name, `the keyword ${KEYWORD} in ${file}`, JSON.stringify(keywords) ?? "no keywords");
    }
    for (const offered of oneOrMany((await load(name, file, manifest)) as object)) {
      const extension = asExtension(offered);
      if (typeof (extension as Partial<PipelineExtension> | null)?.onPipelineEvent !== "function") {
        throw wrong(name, "a default export with onPipelineEvent, a class of such, or a list of these", typeof offered);
      }
      found.push(extension as PipelineExtension);
    }
  }
  return found;
}

/** The `package.json` of a package, looked for where Node looks from the working directory. */
function manifestOf(name: string): string {
  if (!NAME.test(name)) throw wrong(name, "the name of a package", JSON.stringify(name));
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    const manifest = join(folder, "node_modules", name, "package.json");
    if (existsSync(manifest)) return manifest;
    if (folder === dirname(folder)) throw wrong(name, `an installed package above ${process.cwd()}`, "none");
  }
}

/** The default export of a package. */
async function load(name: string, file: string, manifest: Manifest): Promise<unknown> {
  try {
    const module = (await importModule(entryOf(file, manifest))) as { default?: unknown };
    const whole = module.default ?? module;
    // A module in CommonJS that was written as one of ESM has its default export inside.
    return (whole as { __esModule?: boolean; default?: unknown }).__esModule
      ? (whole as { default?: unknown }).default
      : whole;
  } catch (cause) {
    throw new ConfigurationError(`extension package ${name} cannot be loaded: ${String(cause)}`, {
      code: "configuration",
      cause,
    });
  }
}

/** The file that `import` gets, as `exports` or `main` of the package say. */
function entryOf(manifest: string, { exports, main }: Manifest): string {
  const own = isRecord(exports) && "." in exports ? exports["."] : exports;
  const file = exports === undefined ? (typeof main === "string" ? main : "index.js") : chosen(own);
  if (file === null) throw new Error("its exports have nothing to import");
  // `main` may leave out what `require` fills in.
  return pathToFileURL(createRequire(manifest).resolve(join(dirname(manifest), file))).href;
}

/** What the conditions of `import` choose, in the package's own order. */
function chosen(target: unknown): string | null {
  if (typeof target === "string") return target;
  if (Array.isArray(target)) return target.map(chosen).find((found) => found !== null) ?? null;
  if (!isRecord(target)) return null;
  for (const [condition, inner] of Object.entries(target)) {
    const found = CONDITIONS.has(condition) ? chosen(inner) : null;
    if (found !== null) return found;
  }
  return null;
}

/** `import()` that the compiler leaves alone, since this module becomes CommonJS. */
const importModule = new Function("name", "return import(name)") as (name: string) => Promise<unknown>;

function wrong(name: string, expected: string, found: string): ConfigurationError {
  return new ConfigurationError(`extension package ${name}: expected ${expected}, found ${found}`, {
    code: "configuration",
    details: { package: name },
  });
}
