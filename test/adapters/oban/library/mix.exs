# Oban itself, for tests that run its nodes: `mix deps.get && mix compile` in this folder.
defmodule ObanLibrary.MixProject do
  use Mix.Project

  def project do
    [app: :oban_library, version: "0.0.0", elixir: "~> 1.14", elixirc_paths: [], deps: deps()]
  end

  defp deps do
    [{:oban, System.get_env("OBAN_VERSION", "~> 2.17")}, {:jason, "~> 1.4"}, {:postgrex, ">= 0.16.0"}]
  end
end
