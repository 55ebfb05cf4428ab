/** What is used of the JavaScript interface of WebAssembly; TypeScript ships its types only with those of the DOM. */
declare namespace WebAssembly {
  class RuntimeError extends Error {}
  class Module {
    constructor(bytes: Uint8Array)
    static imports(module: Module): { readonly module: string; readonly name: string; readonly kind: string }[]
    static exports(module: Module): { readonly name: string; readonly kind: string }[]
  }
  class Instance {
    constructor(module: Module, imports?: Imports)
    readonly exports: Readonly<Record<string, unknown>>
  }
  class Memory {
    constructor(descriptor: { readonly initial: number; readonly maximum?: number })
    readonly buffer: ArrayBuffer
    grow(pages: number): number
  }
  class Global {
    constructor(descriptor: { readonly value: string; readonly mutable: boolean }, value: unknown)
    // A number, or a bigint where the global holds 64 bits.
    value: number | bigint
  }
  interface WebAssemblyInstantiatedSource {
    readonly instance: Instance
  }
  type Imports = Readonly<Record<string, Readonly<Record<string, unknown>>>>
  function compile(bytes: Uint8Array): Promise<Module>
  function validate(bytes: Uint8Array): boolean
}
