# frozen_string_literal: true

# The promises of tests/extensions/README.md, in Ruby.

require 'timeout'
require_relative 'support'

class TestExtensionContract < Minitest::Test
  COMPRESS_STAGES = %w[input_received input_routed input_compressed].freeze
  RECEIVED = [PipelineStage::INPUT_RECEIVED].freeze

  def test_happy_path
    seen = []
    look = lambda do |event|
      metadata = event.metadata_names.to_h { |name| [name, JSON.parse(event.metadata(name))] }
      stage = STAGES.fetch(event.stage)
      seen << { stage: stage, messages: event.messages, metadata: metadata,
                head: [event.operation, event.provider, event.model] }
      event.set_metadata('trail', JSON.generate([*metadata['trail'], stage]))
      nil
    end
    both(&look).each do |registration|
      seen.clear
      ways(GIVEN, options(registration, session_id: 's1')).each_with_index do |result, turn|
        events = seen[turn * 3, 3]
        assert_equal COMPRESS_STAGES, events.map { |event| event[:stage] }
        assert_equal make_conversation, JSON.parse(events[0][:messages])
        assert_equal 's1', events[0][:metadata]['session_id']
        assert_equal 'json_table', events[1][:metadata]['routes'][0]['transform']
        assert_equal JSON.parse(result.messages), JSON.parse(events[2][:messages])
        assert_equal make_conversation, events[2][:metadata]['original_messages']
        assert_equal result.tokens_after, events[2][:metadata]['tokens_after']
        assert_equal COMPRESS_STAGES.first(2), events[2][:metadata]['trail']
        assert_equal %w[compress openai gpt-4o], events[2][:head]
        assert_equal ['changed'], outcomes(result).values.uniq
      end
    end
  end

  def test_throws
    ran = []
    look = plain('Look') do |event|
      ran << STAGES.fetch(event.stage)
      raise 'half' if event.metadata_names.include?('half') || JSON.parse(event.messages).length != 4
    end
    broken = lambda do |event|
      event.set_messages('[]')
      event.set_metadata('half', 'true')
      raise 'broken'
    end
    without = Headroom.compress(GIVEN, 'gpt-4o', options)
    both('Broken', &broken).each do |registration|
      results = nil
      warnings = warnings_of { results = ways(GIVEN, options(registration, look)) }
      assert_equal COMPRESS_STAGES * 2, ran
      ran.clear
      results.each do |result|
        assert_equal without.messages, result.messages
        assert_equal ['failed_open'], outcomes(result, 'Broken').values.uniq
        assert_equal ['ran'], outcomes(result, 'Look').values.uniq
      end
      assert_equal 6, warnings.length
      assert(warnings.all? { |text| text.include?('Broken') && text.include?('RuntimeError: broken') }, warnings.inspect)
      assert_includes warnings[0], 'input_received'
    end
    declared = { failure_policy: FailurePolicy::CLOSED, stages: [PipelineStage::INPUT_COMPRESSED] }
    both('Guard', **declared, &broken).each do |registration|
      error = assert_raises(HeadroomError::Extension) { ways(GIVEN, options(registration)) }
      assert_includes error.message, 'extension Guard failed at input_compressed: #<RuntimeError: broken>'
      assert_equal %w[Guard input_compressed], error.details.values_at('extension', 'stage')
      assert_includes error.details['cause'], 'RuntimeError: broken'
    end
  end

  def test_throws_what_is_no_standard_error
    [->(_) { raise NotImplementedError }, ->(_) { exit }, ->(event) { event.set_tools('[1,') }].each do |user|
      both(&user).each do |registration|
        ways(GIVEN, options(registration)).each do |result|
          assert result.compressed
          assert_equal ['failed_open'], outcomes(result).values.uniq
        end
      end
    end
  end

  def test_wrong_return_type
    both(stages: RECEIVED) { 7 }.each do |registration|
      results = nil
      warnings = warnings_of { results = ways(GIVEN, options(registration)) }
      results.each do |result|
        assert result.compressed
        assert_equal({ 'input_received' => 'ran' }, outcomes(result))
      end
      assert_equal 2, warnings.length
      assert(warnings.all? { |text| text.include?('Mine') && text.include?('found Integer') }, warnings.inspect)
    end
    { PipelineStage::PRE_SEND => 'pre_send', PipelineStage::RESPONSE_RECEIVED => 'response' }.each do |stage, named|
      warnings = warnings_of do
        made = options(plain(stages: RECEIVED) { PipelineEvent.new(stage, 'compress') })
        assert Headroom.compress(GIVEN, 'gpt-4o', made).compressed
      end
      assert(warnings.any? { |text| text.include?(named) }, warnings.inspect)
    end
  end

  def test_changes_in_place
    shout = lambda do |event|
      messages = JSON.parse(event.messages)
      messages[1]['content'] = messages[1]['content'].upcase
      event.set_messages(JSON.generate(messages))
      nil
    end
    both(stages: RECEIVED, &shout).each do |registration|
      ways(GIVEN, options(registration)).each do |result|
        messages = JSON.parse(result.messages)
        assert_equal 'WHICH SERVICE IS SLOW?', messages[1]['content']
        assert_equal make_conversation[0], messages[0]
        assert_equal({ 'input_received' => 'changed' }, outcomes(result))
      end
    end
    same = plain(stages: RECEIVED) { |event| event.set_messages(JSON.pretty_generate(JSON.parse(event.messages))) }
    assert_equal({ 'input_received' => 'ran' }, outcomes(Headroom.compress(GIVEN, 'gpt-4o', options(same))))
    revert = plain(stages: [PipelineStage::INPUT_COMPRESSED]) do |event|
      messages = JSON.parse(event.messages)
      messages[3] = JSON.parse(event.metadata('original_messages'))[3]
      event.set_messages(JSON.generate(messages))
    end
    assert_equal GIVEN, Headroom.compress(GIVEN, 'gpt-4o', options(revert)).messages
    forbidden = plain(stages: [PipelineStage::INPUT_ROUTED]) { |event| event.set_messages('[]') }
    warnings = warnings_of do
      assert_equal 4, JSON.parse(Headroom.compress(GIVEN, 'gpt-4o', options(forbidden)).messages).length
    end
    assert(warnings.any? { |text| text.include?('messages cannot be changed at input_routed') }, warnings.inspect)
  end

  def test_replaces
    shorter = '[{"role":"user","content":"only this"}]'
    later = []
    look = plain('Look') { |event| later << [event.messages, event.metadata('by')] and nil }
    replace = lambda do |event|
      made = PipelineEvent.new(event.stage, event.operation)
      made.set_messages(shorter)
      made.set_metadata('by', '"replace"')
      made
    end
    both('Replace', stages: RECEIVED, &replace).each do |registration|
      ways(GIVEN, options(registration, look)).each do |result|
        assert_equal JSON.parse(shorter), JSON.parse(result.messages)
        assert_equal [[shorter, '"replace"']] * 3, later.last(3)
      end
    end
    unchanged = plain(stages: RECEIVED) { |event| PipelineEvent.new(event.stage, event.operation) }
    assert_equal({ 'input_received' => 'ran' }, outcomes(Headroom.compress(GIVEN, 'gpt-4o', options(unchanged))))
    itself = Headroom.compress(GIVEN, 'gpt-4o', options(plain { |event| event }))
    assert_equal ['ran'], outcomes(itself).values.uniq
    biased = plain(stages: [PipelineStage::INPUT_ROUTED]) { |event| event.set_metadata('biases', '{"3": 2.0}') }
    assert_equal 3, Headroom.compress(GIVEN, 'gpt-4o', options(biased)).report.prefix_changed_at
  end

  def test_answers_early
    seen = []
    look = plain('Look') { |event| seen << STAGES.fetch(event.stage) and nil }
    answer = lambda do |event|
      event.set_stage(PipelineStage::RESPONSE_RECEIVED)
      event.set_response('{"text":"cached"}')
      event
    end
    both('Cache', stages: RECEIVED, &answer).each do |registration|
      seen.clear
      ways(GIVEN, options(registration, look)).each do |result|
        assert_equal '{"text":"cached"}', result.response
        assert_equal GIVEN, result.messages
        refute result.compressed
        assert_equal({ 'input_received' => 'answered' }, outcomes(result, 'Cache'))
      end
      assert_equal ['response_received'] * 2, seen
    end
  end

  def test_never_answers
    cancelled = Queue.new
    sleepy = lambda do |_event|
      sleep 60
    ensure
      cancelled << true
    end
    release = Queue.new
    late = Queue.new
    blocking = lambda do |event|
      release.pop
      event.set_messages('[]')
      late << event
      nil
    end
    warnings = warnings_of do
      ways(GIVEN, options(awaiting(timeout_ms: 400, stages: RECEIVED, &sleepy))).each do |result|
        assert_equal({ 'input_received' => 'timed_out' }, outcomes(result))
        Timeout.timeout(10) { cancelled.pop }
      end
      results = ways(GIVEN, options(plain(timeout_ms: 40, stages: RECEIVED, &blocking)))
      2.times { release << true }
      Timeout.timeout(10) { 2.times { late.pop } }
      results.each do |result|
        assert_equal({ 'input_received' => 'timed_out' }, outcomes(result))
        assert_equal 4, JSON.parse(result.messages).length
      end
    end
    assert(warnings.length == 4 && warnings.all? { |text| text.match?(/no answer within 400? ms/) }, warnings.inspect)
    silent = options(awaiting(timeout_ms: 1, stages: RECEIVED, &sleepy))
    became = Array.new(7) { outcomes(Headroom.compress(GIVEN, 'gpt-4o', silent))['input_received'] }
    assert_equal ['timed_out'] * 5 + ['breaker_open'] * 2, became
    guard = awaiting('Guard', timeout_ms: 20, failure_policy: FailurePolicy::CLOSED, &sleepy)
    error = assert_raises(HeadroomError::Extension) { Headroom.compress(GIVEN, 'gpt-4o', options(guard)) }
    assert_includes error.message, 'Guard failed at input_received: no answer within 20 ms'
    wrong = assert_raises(HeadroomError::Configuration) { options(plain(timeout_ms: 0) { nil }) }
    assert_includes wrong.message, 'extension Mine: timeout_ms: expected'
  end

  def test_many_threads
    nested = lambda do |event|
      event.set_metadata('mine', JSON.generate(JSON.parse(event.messages)[1]['content']))
      inner = Headroom.compress(GIVEN, 'gpt-4o', options(token_budget: 300))
      raise 'lost' if Headroom.retrieve(inner.ccr_hashes[0], nil, nil, ':memory:').empty?
    end
    check = lambda do |event|
      raise 'mixed up' if JSON.parse(event.metadata('mine')) != JSON.parse(event.messages)[1]['content']

      Headroom.compress_async(JSON.generate(make_conversation(40)), 'gpt-4o', options(awaiting { nil }))
      nil
    end
    shared = options(plain('Nested', stages: RECEIVED, &nested), awaiting('Async', stages: RECEIVED, &check))
    threads = Array.new(8) do |worker|
      Thread.new do
        (0...3).all? do |turn|
          messages = make_conversation(60)
          messages[1]['content'] = "question #{worker} #{turn}"
          door = turn.even? ? :compress : :compress_async
          result = Headroom.public_send(door, JSON.generate(messages), 'gpt-4o', shared)
          calls = result.report.extensions.map { |call| [call.extension, OUTCOMES[call.outcome], call.warning] }
          calls == [['Nested', 'changed', nil], ['Async', 'ran', nil]] &&
            JSON.parse(result.messages)[1]['content'] == messages[1]['content']
        end
      end
    end
    assert_equal [true] * 8, Timeout.timeout(240) { threads.map(&:value) }
  end

  def test_dropped_midway
    began = Queue.new
    ended = Queue.new
    sleepy = awaiting do |_event|
      began << true
      sleep 60
    ensure
      ended << true
    end
    waiting = Thread.new { Headroom.compress_async(GIVEN, 'gpt-4o', options(sleepy)) }
    waiting.report_on_exception = false
    Timeout.timeout(10) { began.pop }
    waiting.kill
    Timeout.timeout(10) { [waiting.join, ended.pop] }
    assert_nil waiting.value
  end

  def test_filtered_out
    calls = lambda do |**declared|
      seen = []
      filtered = plain(**declared) { |event| seen << STAGES.fetch(event.stage) and nil }
      recorded = outcomes(Headroom.compress(GIVEN, 'gpt-4o', options(filtered)))
      assert_empty recorded.values - %w[ran filtered]
      assert_equal seen, recorded.select { |_, outcome| outcome == 'ran' }.keys
      seen
    end
    assert_equal ['input_routed'], calls.call(stages: [PipelineStage::INPUT_ROUTED, PipelineStage::PRE_SEND])
    assert_empty calls.call(filter: Filter.new(providers: ['anthropic']))
    every = Filter.new(providers: ['openai'], models: ['gpt-*'], operations: ['compress'])
    assert_equal COMPRESS_STAGES, calls.call(filter: every)
    assert_empty calls.call(filter: Filter.new(models: ['claude-*']))
    assert_empty calls.call(filter: Filter.new(operations: ['sdk.request']))
    assert_equal COMPRESS_STAGES, calls.call(filter: Filter.new(tools: ['list_*']))
    assert_empty calls.call(filter: Filter.new(tools: ['other']))
    refute_includes calls.call(filter: Filter.new(min_tokens: 1_000_000)), 'input_compressed'
    assert_includes calls.call(filter: Filter.new(min_tokens: 10)), 'input_compressed'
  end

  def test_emit_gives_the_last_event
    seen = []
    replaced = PipelineEvent.new(PipelineStage::PRE_SEND, 'mine')
    first = plain('First') { |event| event.set_messages('[1]') }
    third = awaiting('Third') { |event| seen << event and nil }
    manager = PipelineExtensionManager.new([first, plain('Second') { replaced }, third])
    assert_equal [true, %w[First Second Third]], [manager.enabled, manager.names]
    %i[emit emit_async].each do |door|
      given = PipelineEvent.new(PipelineStage::PRE_SEND, 'mine')
      manager.public_send(door, given).set_model('marked')
      assert_equal ['[1]', 'marked', 'marked'], [given.messages, replaced.model, seen.last.model]
    end
    cycle = [plain('x', before: ['y']) { nil }, plain('y', before: ['x']) { nil }]
    assert_includes assert_raises(HeadroomError::Configuration) { PipelineExtensionManager.new(cycle) }.message, 'x, y'
  end
end
