# frozen_string_literal: true

# What several tests need.

require 'headroom'
require 'json'
require 'minitest/autorun'

include Headroom

REPOSITORY = ENV.fetch('HEADROOM_REPOSITORY')

# A conversation whose last message is a table.
def make_conversation(rows = 400)
  table = (0...rows).map { |n| { id: n, name: "service-#{n}", status: 'ok', latency_ms: n * 7 % 13 } }
  call = { id: 'call_1', type: 'function', function: { name: 'list_services', arguments: '{}' } }
  messages = [
    { role: 'system', content: 'You watch services.' },
    { role: 'user', content: 'Which service is slow?' },
    { role: 'assistant', content: nil, tool_calls: [call] },
    { role: 'tool', tool_call_id: 'call_1', content: JSON.generate(table) }
  ]
  JSON.parse(JSON.generate(messages))
end

GIVEN = JSON.generate(make_conversation)

# An extension, a handler or a logger made of a block.
class Block
  def initialize(&block) = @block = block

  def on_pipeline_event(event) = @block.call(event)

  def on_progress(event) = @block.call(event)

  def log(_level, _logger, message) = @block.call(message)
end

def plain(name = 'Mine', **declared, &block)
  Registration::PLAIN.new(extension: Block.new(&block), declarations: Declarations.new(name: name, **declared))
end

def awaiting(name = 'Mine', **declared, &block)
  Registration::ASYNC.new(extension: Block.new(&block), declarations: Declarations.new(name: name, **declared))
end

# A block as a plain and as an async extension.
def both(name = 'Mine', **declared, &block)
  [plain(name, **declared, &block), awaiting(name, **declared, &block)]
end

def options(*extensions, **given)
  CompressOptions.new(store: ':memory:', extensions: PipelineExtensionManager.new(extensions), **given)
end

# What both doors give.
def ways(given, made)
  [Headroom.compress(given, 'gpt-4o', made), Headroom.compress_async(given, 'gpt-4o', made)]
end

STAGES = PipelineStage.constants.to_h { |name| [PipelineStage.const_get(name), name.to_s.downcase] }
OUTCOMES = Outcome.constants.to_h { |name| [Outcome.const_get(name), name.to_s.downcase] }

# What became of an extension, by stage.
def outcomes(result, name = 'Mine')
  calls = result.report.extensions.select { |call| call.extension == name }
  calls.to_h { |call| [call.stage, OUTCOMES.fetch(call.outcome)] }
end

# What the engine logs while a block runs.
def warnings_of
  texts = Queue.new
  Headroom.set_logger(Block.new { |message| texts << message })
  yield
  Array.new(texts.size) { texts.pop }
ensure
  Headroom.set_logger(nil)
end
