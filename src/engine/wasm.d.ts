/** What an import of engine.wasm gives where the platform compiles modules itself. */
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
