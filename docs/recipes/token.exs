# Prints the token of this process, for trying it out: elixir token.exs
# With the values of docs/tokens.md: elixir token.exs <boot id> <pid namespace> <pid> <ticks>
defmodule ProcessToken do
  # The token of this process, or nil when it cannot be told.
  def get do
    with {:ok, boot_id} <- File.read("/proc/sys/kernel/random/boot_id"),
         {:ok, link} <- File.read_link("/proc/self/ns/pid"),
         [namespace] <- Regex.run(~r/\d+/, link),
         {:ok, status} <- File.read("/proc/self/status"),
         # The last of these pids is the one that this process has in its own pid namespace.
         [_, pid] <- Regex.run(~r/^NSpid:.*?(\d+)\s*$/m, status),
         {:ok, stat} <- File.read("/proc/self/stat"),
         {:ok, offset} <- boot_offset(),
         ticks when ticks in 0..1_000_000_000_000 <- start_of(stat) - offset do
      encode(String.trim(boot_id), String.to_integer(namespace), String.to_integer(pid), ticks)
    else
      _ -> nil
    end
  end

  def encode(boot_id, pid_namespace, pid, ticks) do
    data = binary_part(:crypto.hash(:sha256, boot_id), 0, 8) <> <<pid_namespace::32, pid::32, ticks::48>>
    "jr1." <> Base.url_encode64(data <> binary_part(:crypto.hash(:sha256, data), 0, 2), padding: false)
  end

  # The command name may hold spaces and parentheses: count fields after the LAST one.
  defp start_of(stat) do
    stat |> String.split(")") |> List.last() |> String.split() |> Enum.at(19) |> String.to_integer()
  end

  # Ticks by which this process's time namespace shifts the starts that it reads.
  defp boot_offset do
    case {File.read_link("/proc/self/ns/time"), File.read_link("/proc/self/ns/time_for_children")} do
      # A kernel without time namespaces.
      {{:error, :enoent}, _} -> {:ok, 0}
      {{:ok, own}, {:ok, own}} -> read_offset()
      _ -> {:error, "the offset at hand is that of the children"}
    end
  end

  defp read_offset do
    with {:ok, text} <- File.read("/proc/self/timens_offsets"),
         [_, seconds, nanoseconds] <- Regex.run(~r/^(?:boottime|7)\s+(-?\d+)\s+(\d+)\s*$/m, text) do
      {:ok, String.to_integer(seconds) * 100 + div(String.to_integer(nanoseconds), 10_000_000)}
    else
      _ -> {:error, "no offset of boottime"}
    end
  end
end

token =
  case System.argv() do
    [boot_id | numbers] when length(numbers) == 3 ->
      apply(ProcessToken, :encode, [boot_id | Enum.map(numbers, &String.to_integer/1)])

    _ ->
      ProcessToken.get()
  end

if token, do: IO.puts(token), else: System.halt(1)
