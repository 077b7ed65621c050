using Tributary.Privacy.Accounting;

namespace Tributary.Privacy.Ledger;

/// <summary>A round that would spend more than the budget has. Nothing of it was entered, and there is no noise for it.</summary>
public sealed class PrivacyBudgetException : Exception
{
    internal PrivacyBudgetException(int round, PrivacyBudget budget, double spent, double with, int roundsSpent)
        : base($"round {round} would bring epsilon to {with:0.####}, above the budget of {budget.Epsilon:0.####} at delta {budget.Delta}: "
            + $"the budget was good for {roundsSpent} round{(roundsSpent == 1 ? string.Empty : "s")}, with which epsilon is {spent:0.####} and {budget.Epsilon - spent:0.####} is left; "
            + "more noise, or a larger budget, allows more")
    {
        (Round, Budget, Spent, RoundsSpent) = (round, budget, spent, roundsSpent);
    }

    /// <summary>The round that was refused.</summary>
    public int Round { get; }

    /// <summary>The budget.</summary>
    public PrivacyBudget Budget { get; }

    /// <summary>Epsilon of the rounds that were spent.</summary>
    public double Spent { get; }

    /// <summary>What is left of the budget's epsilon: too little for the round.</summary>
    public double Left => Budget.Epsilon - Spent;

    /// <summary>How many rounds the budget was good for.</summary>
    public int RoundsSpent { get; }
}

/// <summary>A ledger that cannot be read, is another's, or is asked for what contradicts it.</summary>
public sealed class PrivacyLedgerException : Exception
{
    internal PrivacyLedgerException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
